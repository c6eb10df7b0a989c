import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { failure } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { PayeeStore } from '../payees/payee.store.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { ChainEventStore } from './chain-event.store.js';
import type { Cursor, ReadTo } from './chain-event.store.js';

/** Blocks with events that are looked up at a time, the newest first. */
const blocksAtOnce = 100;

/**
 * What a chain calls final it may take back all the same: by a fault of its consensus, or because its rule here is too short. Then the last
 * block that was read is another one now. Nothing is booked twice and nothing forgotten: events of blocks that are gone are marked, those that come
 * into another block take its place, and until all have, their payer pays nothing.
 */
@Injectable()
export class Finality {
  private readonly logger = new Logger(Finality.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly events: ChainEventStore,
    private readonly payees: PayeeStore,
    private readonly transactions: TransactionStore,
  ) {}

  /** Where to read on, in the transaction that holds the cursor: behind the last block that was read, or further back when that is gone. Error: CHAIN_UNAVAILABLE. */
  async readOnFrom(manager: EntityManager, cursor: Cursor, { nextBlock, lastHash }: ReadTo, finalBlock: number): Promise<number> {
    if (nextBlock > finalBlock) return nextBlock;
    if (lastHash !== null && (await this.chain.hashAt(nextBlock - 1)) === lastHash) return nextBlock;
    const { standing, gone } = await this.fork(manager);
    if (lastHash === null && gone.length === 0) return nextBlock;
    await this.lookUpPayees(finalBlock);
    const lost = await this.events.takeBack(manager, gone, finalBlock);
    const from = Math.min(nextBlock, standing + 1);
    const reopened = await this.transactions.reopen(manager, this.chain, from);
    this.logger.error(
      `the chain took back blocks that were final, above block ${standing}: events are read again from block ${from}, ${reopened} transactions are looked for again and sent again; ` +
        `events that are in none of its blocks now: ${lost.length === 0 ? 'none' : lost.map(({ name, units, payer, tx }) => `${name} of ${units} units of ${payer} (${tx})`).join(', ')}`,
    );
    await this.events.moveCursor(manager, cursor, from, null);
    return from;
  }

  /** Error: FINALITY_BROKEN while something that the payer's books rest on is in no block any more. */
  async requireStanding(payer: string): Promise<void> {
    const lost = await withTenant(this.dataSource, '*', (manager) => this.events.takenBack(manager, payer));
    if (lost.length === 0) return;
    const what = lost.map(({ name, units, tx }) => `${name} of ${units} units (${tx})`).join(', ');
    throw failure('FINALITY_BROKEN', `the chain took back blocks that were final, and with them of payer ${payer}: ${what}. Nothing is signed for it until they are in a block again`, { payer });
  }

  /** The newest block with events that stands, -1 for none; and those above it, which are gone. */
  private async fork(manager: EntityManager): Promise<{ standing: number; gone: string[] }> {
    const gone: string[] = [];
    for (let next = Number.MAX_SAFE_INTEGER; ; ) {
      const blocks = await this.events.blocksBelow(manager, next, blocksAtOnce);
      for (const { number, hash } of blocks) {
        if ((await this.chain.hashAt(number)) === hash) return { standing: number, gone };
        gone.push(hash);
        next = number;
      }
      if (blocks.length === 0) return { standing: -1, gone };
    }
  }

  /** Registrations in other blocks may have given other indices; a statement that used an old one would pay somebody else, were the registry not signed with it. */
  private async lookUpPayees(finalBlock: number): Promise<void> {
    const changed: { address: string; index: number | null }[] = [];
    for (const { address, index } of await this.payees.all()) {
      if (index === null) continue;
      const now = await this.chain.escrow.indexOf(address, finalBlock);
      if (now !== index) changed.push({ address, index: now });
    }
    for (const { address } of changed) await this.payees.setIndex(address, null);
    for (const { address, index } of changed) await this.payees.setIndex(address, index);
  }
}
