import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { Correction, RequestOf, correctionCalls } from '#protocol';
import { withTenant } from '#service';
import { AdjustmentsStore } from '../adjustments/adjustments.store.js';
import { isPlausible } from '../admissions/close-admission.js';
import { isDerived } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { StatementsStore } from '../payables/statements.store.js';
import { PricesStore } from '../prices/prices.store.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { correctionHash, correctionTransfer, differenceOf } from './correction.js';
import { CorrectionsStore } from './corrections.store.js';

type Calls = typeof correctionCalls;

/** Usage that was recorded wrong or late. Charges are never changed: what they differ by is a credit or a further charge in the open period. */
@Injectable()
export class Corrections {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(CorrectionsStore) private readonly store: CorrectionsStore,
    @Inject(PricesStore) private readonly prices: PricesStore,
    @Inject(AdjustmentsStore) private readonly adjustments: AdjustmentsStore,
    @Inject(StatementsStore) private readonly statements: StatementsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {}

  /** Errors: REQUEST_INVALID, NOT_FOUND, RECORD_PENDING, IDEMPOTENCY_MISMATCH, PRICE_UNKNOWN, CONFLICT, AMOUNT_OVERFLOW. */
  async correct({ actor, tenant, id, record, usage, reason }: RequestOf<Calls['correct']>): Promise<Correction> {
    const made = await withTenant(this.dataSource, '*', async (manager) => {
      // What is held of the request may be credited at the same time: one after the other.
      await this.statements.lockTenant(manager, tenant);
      const inputHash = correctionHash(tenant, { record, usage, reason });
      const known = await this.store.find(manager, id);
      if (known && known.inputHash !== inputHash) throw failure('IDEMPOTENCY_MISMATCH', 'a correction of this id says something else; use a new id', { id });
      if (known) return known.correction;
      // With the id of a credit that is still to come, it would keep that one out of the books.
      if (isDerived(id)) throw failure('REQUEST_INVALID', 'ids of version 8 follow from others here; name a correction by one of version 4 or 7', { param: 'id' });
      if (!isPlausible(usage)) throw failure('REQUEST_INVALID', 'usage is at most 10^12 of each meter, and has no more cached tokens than tokens', { param: 'usage' });
      const before = await this.store.billed(manager, tenant, record);
      if (!before) throw failure('NOT_FOUND', 'there is no charge for this record', { record });
      if (!before.isAdmitted) throw failure('RECORD_PENDING', 'the end of this request is in the books and its beginning not yet; correct it again shortly', { record });
      const price = (await this.prices.versions(manager, [before.priceVersion])).get(before.priceVersion);
      if (!price || price.offer !== before.offer) throw failure('PRICE_UNKNOWN', 'the price that this request was admitted under is not known', { record });
      const difference = differenceOf(before, usage, price);
      const { amountNanos } = difference;
      if (before.owedNanos + amountNanos < 0n) throw failure('CONFLICT', 'more would be credited than is owed for this request: a part of it was credited already', { record });
      const correction: Correction = { id, tenant, record, usage, reason, amountNanos, madeAtMs: this.clock.nowMs() };
      await this.store.insert(manager, correction, difference, inputHash, actor.keyId);
      if (amountNanos !== 0n) {
        await this.adjustments.insert(manager, { id, tenant, amountNanos, record, name: 'Correction of usage', detail: `request ${record}: ${reason}`, madeAtMs: correction.madeAtMs });
        await this.ledger.post(manager, [correctionTransfer(id, tenant, amountNanos)]);
      }
      await this.store.count(manager, record, difference);
      const fields = { correction: id, record, reason, usageBefore: before.usage, usage, currency: 'USD', amountNanos: amountNanos.toString(), keyId: actor.keyId };
      await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'usage.corrected', timeMs: correction.madeAtMs, fields, facts: null }));
      return correction;
    });
    this.outbox.kick();
    return made;
  }

  async list({ tenant, after, limit }: RequestOf<Calls['list']>): Promise<{ data: Correction[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }
}
