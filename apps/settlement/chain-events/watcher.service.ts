import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PlacedEvent } from '#chain';
import { Outbox } from '#messaging';
import { SERVICE_CONFIG, withTenant } from '#service';
import { AnchorStore } from '../anchors/anchor.store.js';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { StatementStore } from '../epochs/statement.store.js';
import { PayerStore } from '../payers/payer.store.js';
import { announceDepositMove, announceSettled, announceWithdrawn } from './announce.js';
import { ChainEventStore } from './chain-event.store.js';
import { SettledRecord } from './settled-record.js';

/** Blocks of one question for logs: below every public endpoint's limit. */
const blocksMax = 1_000;

type Settled = Extract<PlacedEvent, { name: 'EpochSettled' }>;
type Withdrawn = Extract<PlacedEvent, { name: 'Withdrawn' }>;

/**
 * Reads the escrow's events block after block, final ones only, so that no reorganisation can take one back. An event, its
 * effect, its publication and the cursor are one transaction.
 */
@Injectable()
export class Watcher {
  private readonly logger = new Logger(Watcher.name);

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly events: ChainEventStore,
    private readonly payers: PayerStore,
    private readonly statements: StatementStore,
    private readonly anchors: AnchorStore,
    private readonly record: SettledRecord,
    private readonly outbox: Outbox,
  ) {}

  /** Reads up to the newest final block. Error: CHAIN_UNAVAILABLE. */
  async round(): Promise<void> {
    const { number } = await this.chain.finalized();
    while (await this.readSome(number)) this.outbox.kick();
    await this.claim();
  }

  /** A payer may be named in the very moment in which its event is read: then neither side saw the other. */
  private async claim(): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => {
      for (const move of await this.events.claimDeposits(manager)) await announceDepositMove(this.outbox, manager, move);
    });
    this.outbox.kick();
  }

  /** False when nothing was left to read. */
  private readSome(finalBlock: number): Promise<boolean> {
    const cursor = { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
    return withTenant(this.dataSource, '*', async (manager) => {
      const from = await this.events.lockCursor(manager, cursor, this.config.SETTLEMENT_START_BLOCK);
      if (from > finalBlock) return false;
      const to = Math.min(finalBlock, from + blocksMax - 1);
      for (const event of await this.chain.escrow.events(from, to)) await this.take(manager, event);
      await this.events.moveCursor(manager, cursor, to + 1);
      return to < finalBlock;
    });
  }

  private async take(manager: EntityManager, event: PlacedEvent): Promise<void> {
    const tenant = (await this.payers.ofAddress(manager, event.payer))?.tenant ?? null;
    if (!(await this.events.insert(manager, event, tenant))) return;
    switch (event.name) {
      case 'Deposited':
        if (tenant !== null) await announceDepositMove(this.outbox, manager, { ...event, tenant, to: null });
        return;
      case 'EpochSettled': {
        const row = await this.statements.settle(manager, { ...event, tx: event.at.tx });
        if (!row && event.payer === this.config.SETTLEMENT_ANCHOR_PAYER) return this.anchored(manager, event);
        if (!row) return this.logger.error(`epoch ${event.epoch} of payer ${event.payer} (${event.at.tx}) pays no statement of ours: the payer's key is in use elsewhere`);
        await announceSettled(this.outbox, manager, row, event);
        return this.outbox.record(manager, await this.record.of(row, event.at));
      }
      case 'Withdrawn':
        return announceWithdrawn(this.outbox, manager, await this.payeeOf(event), event);
      case 'DepositWithdrawn':
        if (tenant !== null) return announceDepositMove(this.outbox, manager, { ...event, tenant });
    }
  }

  /** The books have no part in it; the log has. */
  private async anchored(manager: EntityManager, event: Settled): Promise<void> {
    const anchor = await this.anchors.settle(manager, { ...event, tx: event.at.tx });
    if (anchor) await this.outbox.record(manager, this.record.ofAnchor(anchor, event.at));
  }

  /** An index in a final event is final itself. */
  private async payeeOf({ index }: Withdrawn): Promise<string> {
    return (await this.chain.escrow.payeeAt(index)).payee;
  }
}
