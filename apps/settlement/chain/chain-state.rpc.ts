import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { closeCalls, settlementCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { ChainStateService } from './chain-state.service.js';
import { ChainPayers } from './chain-payers.service.js';
import type { ChainState } from './chain-state.service.js';

@Controller()
export class ChainStateRpc {
  constructor(
    private readonly state: ChainStateService,
    private readonly payers: ChainPayers,
  ) {}

  @Serve(settlementCalls.chainState)
  read({ tenant }: RequestOf<typeof settlementCalls.chainState>): Promise<ChainState> {
    return this.state.read(tenant);
  }

  @Serve(closeCalls.chainPayer)
  payer({ after, block }: RequestOf<typeof closeCalls.chainPayer>): Promise<ReplyOf<typeof closeCalls.chainPayer>> {
    return this.payers.next(after, block);
  }
}
