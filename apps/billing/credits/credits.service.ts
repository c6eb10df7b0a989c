import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { Credit, RequestOf, agreementCalls } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import { monthOf } from '../agreements/month.js';
import type { BillingConfig } from '../billing-config.js';
import { InvoicesStore } from '../invoices/invoices.store.js';
import { namedUuid } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { grantTransfer, lapseTransfer } from './credit-transfers.js';
import { CreditsStore } from './credits.store.js';

type Calls = typeof agreementCalls;

/** Looked at in one round; the next follows soon. */
const lapsedPerRound = 200;

/** Credits are given, and what nobody used of them is given up. Using them is the invoice's. */
@Injectable()
export class Credits extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(CreditsStore) private readonly store: CreditsStore,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {
    super(config.BILLING_INVOICE_RUN_MS);
  }

  /** Errors: NOT_FOUND, IDEMPOTENCY_MISMATCH, REQUEST_INVALID. */
  async grant({ actor, tenant, id, name, amountNanos, validFromMs, expiresAtMs }: RequestOf<Calls['grantCredit']>): Promise<Credit> {
    const nowMs = this.clock.nowMs();
    const granted = await withTenant(this.dataSource, '*', async (manager) => {
      // The month after that of its last hour is over: what it could pay is billed by then.
      const lapsesAtMs = monthOf(monthOf(expiresAtMs - 1).toMs).toMs;
      const asked: Credit = { id, tenant, name, amountNanos, validFromMs, expiresAtMs, lapsesAtMs, grantedAtMs: nowMs, usedNanos: 0n, lapsedNanos: 0n, leftNanos: amountNanos };
      const isNew = await this.store.grant(manager, asked, actor.keyId);
      const found = await this.store.find(manager, tenant, id);
      if (found?.name !== name || found.amountNanos !== amountNanos || found.validFromMs !== validFromMs || found.expiresAtMs !== expiresAtMs)
        throw failure('IDEMPOTENCY_MISMATCH', 'a credit of this id says something else; use a new id', { id });
      if (!isNew) return found;
      if (expiresAtMs <= nowMs) throw failure('REQUEST_INVALID', 'this credit is over before it is given', { param: 'expiresAtMs' });
      await this.ledger.post(manager, [grantTransfer(found, amountNanos)]);
      const fields = { credit: id, name, currency: 'USD', amountNanos: amountNanos.toString(), validFromMs, expiresAtMs, keyId: actor.keyId };
      await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'credit.granted', timeMs: nowMs, fields, facts: null }));
      return found;
    });
    this.outbox.kick();
    return granted;
  }

  async list({ tenant, after, limit }: RequestOf<Calls['listCredits']>): Promise<{ data: Credit[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  /** Answers how many have lapsed. */
  async runOnce(): Promise<number> {
    const due = await withTenant(this.dataSource, '*', (manager) => this.store.lapsing(manager, this.clock.nowMs(), lapsedPerRound));
    let lapsed = 0;
    for (const { tenant, id } of due) {
      // What is told is sealed to the organisation: one that the replica does not name yet waits.
      if (this.isStopping || !this.records.knows(tenant)) continue;
      if (await this.lapse(tenant, id)) lapsed += 1;
    }
    if (lapsed > 0) this.outbox.kick();
    return lapsed;
  }

  /** In turn with the organisation's invoices, so that none uses it meanwhile. */
  private lapse(tenant: string, id: string): Promise<boolean> {
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const credit = await this.store.find(manager, tenant, id);
      if (!credit || credit.leftNanos === 0n) return false;
      await this.store.lapse(manager, id, credit.leftNanos);
      await this.ledger.post(manager, [lapseTransfer(credit, credit.leftNanos)]);
      const fields = { credit: id, name: credit.name, currency: 'USD', lapsedNanos: credit.leftNanos.toString(), usedNanos: credit.usedNanos.toString() };
      await this.outbox.record(manager, await this.records.seal(tenant, { id: namedUuid('credit.lapsed', id), type: 'credit.lapsed', timeMs: this.clock.nowMs(), fields, facts: null }));
      return true;
    });
  }
}
