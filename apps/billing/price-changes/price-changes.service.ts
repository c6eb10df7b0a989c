import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord, priceChangeHash, priceChangeJson } from '#protocol';
import type { PriceChange, RequestOf, priceChangeCalls } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import { isApprovedBy, personOf } from '../approvals/two-persons.js';
import type { Named } from '../approvals/two-persons.js';
import type { BillingConfig } from '../billing-config.js';
import { namedUuid } from '../ledger/chart-of-accounts.js';
import { PriceBooksStore } from '../price-books/price-books.store.js';
import { newPriceVersion } from '../prices/price.js';
import { PricesService } from '../prices/prices.service.js';
import { PriceChangesStore } from './price-changes.store.js';

type Calls = typeof priceChangeCalls;

const named: Named = { noun: 'price change', short: 'a price' };

/** Each is a version, an entry of the log and a replica. */
const appliedPerRound = 100;

/** Prices that people give offers: one proposes, another approves, and it begins then or on its day. Admitted requests keep the version that they were admitted under. */
@Injectable()
export class PriceChanges extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(PriceChangesStore) private readonly store: PriceChangesStore,
    @Inject(PriceBooksStore) private readonly books: PriceBooksStore,
    @Inject(PricesService) private readonly prices: PricesService,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  /** Errors: NOT_FOUND, NODE_REVOKED, AMOUNT_INVALID, IDEMPOTENCY_MISMATCH, NOT_ALLOWED. */
  async propose({ actor, id, ...asked }: RequestOf<Calls['propose']>): Promise<PriceChange> {
    const proposedBy = personOf(actor, named);
    newPriceVersion(id, asked.offer, asked, 0);
    const hash = priceChangeHash(asked);
    return this.change(async (manager) => {
      await this.prices.requireListed(manager, asked.offer);
      const nowMs = this.clock.nowMs();
      const isNew = await this.store.propose(manager, { ...asked, id, hash, state: 'proposed', proposedBy, proposedAtMs: nowMs, approvedBy: null, approvedAtMs: null, version: null });
      const found = (await this.store.find(manager, id))!;
      if (found.hash !== hash) throw failure('IDEMPOTENCY_MISMATCH', 'a price change of this id says something else; use a new id', { id });
      if (isNew) await this.outbox.record(manager, operatorRecord({ id, type: 'price.proposed', timeMs: nowMs, fields: { change: id, hash, ...priceChangeJson(asked), keyId: proposedBy }, facts: null }));
      return found;
    });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT, NODE_REVOKED. */
  async approve({ actor, id, hash }: RequestOf<Calls['approve']>): Promise<PriceChange> {
    const approvedBy = personOf(actor, named);
    return this.change(async (manager) => {
      await this.books.takeTurn(manager);
      const change = await this.store.find(manager, id);
      if (!change) throw failure('NOT_FOUND', 'there is no such price change', { id });
      if (isApprovedBy(change, approvedBy, hash, named)) return change;
      await this.prices.requireListed(manager, change.offer);
      const nowMs = this.clock.nowMs();
      const effectiveFromMs = Math.max(change.effectiveFromMs, nowMs);
      await this.store.approve(manager, id, approvedBy, nowMs, effectiveFromMs);
      await this.outbox.record(manager, operatorRecord({ id: namedUuid('price.approved', id), type: 'price.approved', timeMs: nowMs, fields: { change: id, hash, effectiveFromMs, keyId: approvedBy }, facts: null }));
      if (effectiveFromMs <= nowMs) await this.apply(manager, (await this.store.find(manager, id))!);
      return (await this.store.find(manager, id))!;
    });
  }

  async list({ offer, after, limit }: RequestOf<Calls['list']>): Promise<{ data: PriceChange[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.store.list(manager, offer, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  /** Brings what was approved for a day that has come into force. Answers how many. */
  async runOnce(): Promise<number> {
    const applied = await withTenant(this.dataSource, '*', async (manager) => {
      await this.books.takeTurn(manager);
      const due = await this.store.due(manager, this.clock.nowMs(), appliedPerRound);
      for (const change of due) await this.apply(manager, change);
      return due.length;
    });
    if (applied > 0) this.outbox.kick();
    return applied;
  }

  private async apply(manager: EntityManager, { id, offer, inputNanosPerMillion, outputNanosPerMillion, meters, approvedBy }: PriceChange): Promise<void> {
    const price = await this.prices.changeIfListed(manager, offer, { inputNanosPerMillion, outputNanosPerMillion, ...(meters && { meters }) }, approvedBy);
    await this.store.end(manager, id, this.clock.nowMs(), price?.version ?? null);
  }

  private async change(work: (manager: EntityManager) => Promise<PriceChange>): Promise<PriceChange> {
    const done = await withTenant(this.dataSource, '*', work);
    this.outbox.kick();
    return done;
  }
}
