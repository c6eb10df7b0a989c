import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PlacedEvent } from '#chain';
import { Outbox } from '#messaging';
import { SERVICE_CONFIG, withTenant } from '#service';
import { AnchorStore } from '../anchors/anchor.store.js';
import { ChainLink } from '../chain/chain-link.js';
import type { BlockRef } from '../chain/chain-link.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import type { SettlementConfig } from '../config.js';
import { StatementStore } from '../epochs/statement.store.js';
import { PaidDebts } from '../exposure/paid-debts.store.js';
import { PayerStore } from '../payers/payer.store.js';
import { announceSettled } from './announce.js';
import { ChainEventStore } from './chain-event.store.js';
import { Finality } from './finality.service.js';
import { DepositMoves } from './deposit-moves.service.js';
import { MoneyMoves } from './money-moves.service.js';
import { SettledRecord } from './settled-record.js';

/** Blocks of one question for logs: below every public endpoint's limit. */
const blocksMax = 1_000;

type Settled = Extract<PlacedEvent, { name: 'EpochSettled' }>;
type Withdrawn = Extract<PlacedEvent, { name: 'Withdrawn' }>;

/**
 * Reads the escrow's events block after block, final ones only, so that no reorganisation can take one back; what becomes of them if one does
 * all the same, {@link Finality} sees to. An event, its effect, its publication and the cursor are one transaction.
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
    private readonly changes: ChangeRecords,
    private readonly moves: MoneyMoves,
    private readonly outbox: Outbox,
    private readonly deposits: DepositMoves,
    private readonly finality: Finality,
    private readonly paid: PaidDebts,
  ) {}

  /** Reads up to the newest final block. Error: CHAIN_UNAVAILABLE. */
  async round(): Promise<void> {
    const final = await this.chain.finalized();
    while (await this.readSome(final)) this.outbox.kick();
    await this.deposits.releaseHeld();
    await this.claim();
  }

  /** A payer may be named in the very moment in which its event is read: then neither side saw the other. */
  private async claim(): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => {
      for (const move of await this.events.claimDeposits(manager)) await this.moves.deposit(manager, move);
    });
    this.outbox.kick();
  }

  /** False when nothing was left to read. */
  private readSome({ number: finalBlock, hash: finalHash }: BlockRef): Promise<boolean> {
    const cursor = { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
    return withTenant(this.dataSource, '*', async (manager) => {
      const readTo = await this.events.lockCursor(manager, cursor, this.config.SETTLEMENT_START_BLOCK);
      const from = Math.max(this.config.SETTLEMENT_START_BLOCK, await this.finality.readOnFrom(manager, cursor, readTo, finalBlock));
      if (from > finalBlock) return false;
      const to = Math.min(finalBlock, from + blocksMax - 1);
      // Before its events are asked for: a block that changes in between is another one at the next look.
      const hash = to === finalBlock ? finalHash : await this.chain.hashAt(to);
      for (const event of await this.chain.escrow.events(from, to)) await this.take(manager, event);
      await this.paid.follow(manager);
      await this.events.moveCursor(manager, cursor, to + 1, hash);
      return to < finalBlock;
    });
  }

  private async take(manager: EntityManager, event: PlacedEvent): Promise<void> {
    const returned = await this.events.returned(manager, event);
    if (returned === 'known') return;
    const payer = await this.payers.ofAddress(manager, event.payer);
    if (event.name === 'Deposited' || event.name === 'DepositWithdrawn') return returned === 'anew' ? this.deposits.takeAnew(manager, event, payer) : this.deposits.take(manager, event, payer);
    if (!(await this.events.insert(manager, event, payer?.tenant ?? null))) return;
    switch (event.name) {
      case 'EpochSettled': {
        const row = await this.statements.settle(manager, { ...event, tx: event.at.tx });
        if (!row && event.payer === this.config.SETTLEMENT_ANCHOR_PAYER) return this.anchored(manager, event);
        if (!row && (await this.voided(manager, event))) return;
        if (!row) return this.logger.error(`epoch ${event.epoch} of payer ${event.payer} (${event.at.tx}) pays no statement of ours: the payer's key is in use elsewhere`);
        await announceSettled(this.outbox, manager, row, event);
        return this.outbox.record(manager, await this.record.of(row, event.at));
      }
      case 'Withdrawn':
        return this.moves.payout(manager, await this.payeeOf(event), event);
    }
  }

  /** The books are told soon after, when it is looked whether epochs go on. */
  private async voided(manager: EntityManager, event: Settled): Promise<boolean> {
    const row = await this.statements.voided(manager, { ...event, tx: event.at.tx });
    if (!row) return this.statements.isVoidEpoch(manager, event);
    const { id, tenant, payer, payees, totalUnits } = row;
    await this.changes.of(manager, tenant, 'statement.voided', id, { statement: id, payer, payees: payees.length, totalUnits: totalUnits.toString(), epoch: Number(event.epoch), tx: event.at.tx });
    this.logger.warn(`statement ${id} can land no more: epoch ${event.epoch} of payer ${payer} is taken; what it drew is owed again`);
    return true;
  }

  /** The books have no part in it; the log has. */
  private async anchored(manager: EntityManager, event: Settled): Promise<void> {
    const anchor = await this.anchors.settle(manager, { ...event, tx: event.at.tx });
    if (anchor) await this.outbox.record(manager, await this.record.ofAnchor(anchor, event.at));
  }

  /** An index in a final event is final itself. */
  private async payeeOf({ index }: Withdrawn): Promise<string> {
    return (await this.chain.escrow.payeeAt(index)).payee;
  }
}
