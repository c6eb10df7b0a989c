import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { BlockTag } from 'ethers';
import type { ChainPayer } from '#protocol';
import { withTenant } from '#service';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { PayeeStore } from '../payees/payee.store.js';
import { PayerStore } from '../payers/payer.store.js';
import { ChainLink } from './chain-link.js';

/** Payers as they stand on chain at the block up to which its events were told, for comparing with the books. */
@Injectable()
export class ChainPayers {
  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly events: ChainEventStore,
    private readonly payers: PayerStore,
    private readonly payees: PayeeStore,
  ) {}

  /** The first payer after the tenant `after`, at `block`. Error: CHAIN_UNAVAILABLE. */
  async next(after: string | undefined, asked: number | undefined): Promise<{ block: number; payer: ChainPayer | null }> {
    const { escrow, chainId } = this.chain;
    const [payer, last] = await withTenant(this.dataSource, '*', async (manager) => [await this.payers.next(manager, after), await this.events.lastBlock(manager, { chainId, escrow: escrow.address })] as const);
    const block = asked ?? Math.max(0, last);
    if (!payer) return { block, payer: null };
    const at = await this.readableAt(block);
    // What does not count is not in the books either.
    const held = await withTenant(this.dataSource, '*', (manager) => this.events.heldUnits(manager, payer.address));
    const credits: ChainPayer['credits'] = [];
    for (const { address, index } of await this.payees.all()) {
      if (index === null) continue;
      const { cumulative, drawn } = await escrow.credit(payer.address, index, at);
      if (cumulative > 0n) credits.push({ payee: address, cumulativeUnits: cumulative, leftUnits: cumulative - drawn });
    }
    return { block, payer: { tenant: payer.tenant, address: payer.address, availableUnits: (await escrow.payer(payer.address, at)).available - held, credits } };
  }

  /** Endpoints without an archive forget old states: then the newest must do. */
  private async readableAt(block: number): Promise<BlockTag> {
    return this.chain.escrow.registry(block).then(
      () => block,
      () => 'latest',
    );
  }
}
