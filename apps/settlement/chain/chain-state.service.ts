import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ReplyOf } from '#protocol';
import { settlementCalls } from '#protocol';
import { withTenant } from '#service';
import { PayeeStore } from '../payees/payee.store.js';
import { PayerStore } from '../payers/payer.store.js';
import { ChainLink } from './chain-link.js';

export type ChainState = ReplyOf<typeof settlementCalls.chainState>;

@Injectable()
export class ChainStateService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly payers: PayerStore,
    private readonly payees: PayeeStore,
  ) {}

  /** The chain at its newest block, a tenant's deposit, and what its payees have to withdraw (of all tenants for null). Error: CHAIN_UNAVAILABLE. */
  async read(tenant: string | null): Promise<ChainState> {
    const { escrow } = this.chain;
    const [{ number: block }, { token }, tokenDecimals] = [await this.chain.latest(), await this.chain.constants(), await this.chain.tokenDecimals()];
    const payers = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.payers.all(manager));
    const payer = tenant === null ? null : (payers[0]?.address ?? null);
    const payees: ChainState['payees'] = [];
    for (const { address, index } of await this.payees.all()) {
      if (index === null) continue;
      let creditUnits = 0n;
      for (const each of payers) {
        const { cumulative, drawn } = await escrow.credit(each.address, index, block);
        creditUnits += cumulative - drawn;
      }
      payees.push({ address, index, creditUnits });
    }
    return {
      chainId: Number(this.chain.chainId),
      escrow: escrow.address,
      token,
      tokenDecimals,
      block,
      payer,
      availableUnits: payer === null ? null : (await escrow.payer(payer, block)).available,
      payees,
    };
  }
}
