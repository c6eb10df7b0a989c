import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { settlementCalls } from '#protocol';
import type { RequestOf } from '#protocol';
import { ChainStateService } from './chain-state.service.js';
import type { ChainState } from './chain-state.service.js';

@Controller()
export class ChainStateRpc {
  constructor(private readonly state: ChainStateService) {}

  @Serve(settlementCalls.chainState)
  read({ tenant }: RequestOf<typeof settlementCalls.chainState>): Promise<ChainState> {
    return this.state.read(tenant);
  }
}
