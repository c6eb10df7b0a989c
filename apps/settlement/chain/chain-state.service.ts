import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ReplyOf } from '#protocol';
import { settlementCalls } from '#protocol';
import { withTenant } from '#service';
import { PayeeStore } from '../payees/payee.store.js';
import { PayerSigners } from '../payers/payer-signers.service.js';
import { PayerStore } from '../payers/payer.store.js';
import { ChainLink } from './chain-link.js';

/** Payees that are asked for at a time. */
const payeesAtOnce = 25;

export type ChainState = ReplyOf<typeof settlementCalls.chainState>;

@Injectable()
export class ChainStateService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly payers: PayerStore,
    private readonly payees: PayeeStore,
    private readonly signers: PayerSigners,
  ) {}

  /**
   * The chain at its newest and at its newest final block: a tenant's deposit, and what its payees have to withdraw (of all tenants for null), and who signs for whom.
   * Error: CHAIN_UNAVAILABLE.
   */
  async read(tenant: string | null): Promise<ChainState> {
    const { escrow } = this.chain;
    const [{ number: block }, { number: finalBlock }] = [await this.chain.latest(), await this.chain.finalized()];
    const [{ token }, tokenDecimals] = [await this.chain.constants(), await this.chain.tokenDecimals()];
    const payers = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.payers.all(manager));
    const payer = tenant === null ? null : (payers[0]?.address ?? null);
    const [now, final] = payer === null ? [null, null] : [await escrow.payer(payer, block), await escrow.payer(payer, finalBlock)];
    return {
      chainId: Number(this.chain.chainId),
      escrow: escrow.address,
      token,
      tokenDecimals,
      block,
      finalBlock,
      payer,
      availableUnits: now?.available ?? null,
      finalAvailableUnits: final?.available ?? null,
      thawingUnits: now?.thawing ?? null,
      thawEndsAtMs: now === null || now.thawing === 0n ? null : Number(now.thawEndsAt) * 1_000,
      signers: this.signers.list(payers.map(({ address }) => address), tenant === null),
      payees: await this.credits(payers.map(({ address }) => address), block, finalBlock),
    };
  }

  private async credits(payers: readonly string[], block: number, finalBlock: number): Promise<ChainState['payees']> {
    const known = (await this.payees.all()).flatMap(({ address, index }) => (index === null ? [] : [{ address, index }]));
    const found: ChainState['payees'] = [];
    for (let at = 0; at < known.length; at += payeesAtOnce) {
      const some = known.slice(at, at + payeesAtOnce);
      found.push(...(await Promise.all(some.map(async (payee) => ({ ...payee, creditUnits: await this.credit(payers, payee.index, block), finalCreditUnits: await this.credit(payers, payee.index, finalBlock) })))));
    }
    return found;
  }

  /** With all payers together. */
  private async credit(payers: readonly string[], index: number, at: number): Promise<bigint> {
    let units = 0n;
    for (const payer of payers) {
      const { cumulative, drawn } = await this.chain.escrow.credit(payer, index, at);
      units += cumulative - drawn;
    }
    return units;
  }
}
