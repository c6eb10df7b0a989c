import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { bondCalls } from '#protocol';
import type { BondView, RequestOf } from '#protocol';
import { BondsService } from './bonds.service.js';

@Controller()
export class BondsRpc {
  constructor(private readonly bonds: BondsService) {}

  @Serve(bondCalls.getBond)
  get({ provider }: RequestOf<typeof bondCalls.getBond>): Promise<BondView> {
    return this.bonds.of(provider);
  }
}
