import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { agreementHash, agreementJson, failure } from '#protocol';
import type { Agreement, DiscountAhead, RequestOf, agreementCalls } from '#protocol';
import { withTenant } from '#service';
import { personOf } from '../approvals/two-persons.js';
import { namedUuid } from '../ledger/chart-of-accounts.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { UsageStore } from '../usage/usage.store.js';
import { AgreementsStore } from './agreements.store.js';
import { monthFrom, monthOf } from './month.js';

type Calls = typeof agreementCalls;

/** Agreements as people make them: one proposes, another approves. Both are entries of the organisation's log. */
@Injectable()
export class Agreements {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(AgreementsStore) private readonly store: AgreementsStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(UsageStore) private readonly usage: UsageStore,
  ) {}

  /** Errors: NOT_FOUND, IDEMPOTENCY_MISMATCH, NOT_ALLOWED. */
  async propose({ actor, tenant, id, ...asked }: RequestOf<Calls['propose']>): Promise<Agreement> {
    const proposedBy = personOf(actor, { short: 'an agreement' });
    const hash = agreementHash(tenant, asked);
    const proposed = await withTenant(this.dataSource, tenant, async (manager) => {
      const nowMs = this.clock.nowMs();
      const isNew = await this.store.propose(manager, { id, tenant, ...asked, hash, state: 'proposed', proposedBy, proposedAtMs: nowMs, approvedBy: null, approvedAtMs: null });
      const found = await this.store.find(manager, tenant, id);
      if (found?.hash !== hash) throw failure('IDEMPOTENCY_MISMATCH', 'an agreement of this id says something else; use a new id', { id });
      if (isNew) await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'agreement.proposed', timeMs: nowMs, fields: { agreement: id, hash, ...agreementJson(asked), keyId: proposedBy }, facts: null }));
      return found;
    });
    this.outbox.kick();
    return proposed;
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT. */
  async approve({ actor, tenant, id, hash }: RequestOf<Calls['approve']>): Promise<Agreement> {
    const approvedBy = personOf(actor, { short: 'an agreement' });
    const approved = await withTenant(this.dataSource, tenant, async (manager) => {
      const found = await this.store.find(manager, tenant, id);
      if (!found) throw failure('NOT_FOUND', 'this organisation has no such agreement', { id });
      if (found.hash !== hash) throw failure('CONFLICT', 'this agreement says something else than what is approved: look at it again', { id });
      if (found.proposedBy === approvedBy) throw failure('NOT_ALLOWED', 'an agreement is approved by another person than who proposed it');
      const nowMs = this.clock.nowMs();
      const effectiveFromMs = Math.max(found.effectiveFromMs, monthFrom(nowMs));
      if (found.state === 'proposed' && (await this.store.approve(manager, id, approvedBy, nowMs, effectiveFromMs))) {
        const fields = { agreement: id, hash, effectiveFromMs, keyId: approvedBy };
        await this.outbox.record(manager, await this.records.seal(tenant, { id: namedUuid('agreement.approved', id), type: 'agreement.approved', timeMs: nowMs, fields, facts: null }));
      }
      const now = (await this.store.find(manager, tenant, id))!;
      if (now.approvedBy !== approvedBy) throw failure('CONFLICT', 'this agreement is approved already, by somebody else', { id });
      return now;
    });
    this.outbox.kick();
    return approved;
  }

  /** What is off of what is used from now on. */
  ahead({ tenant }: RequestOf<Calls['ahead']>): Promise<DiscountAhead> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const { fromMs } = monthOf(this.clock.nowMs());
      const agreement = await this.store.ofMonth(manager, tenant, fromMs);
      return { agreement: agreement?.id ?? null, tiers: agreement?.tiers ?? [], usedNanos: await this.usage.chargedFrom(manager, tenant, fromMs) };
    });
  }

  async list({ tenant, after, limit }: RequestOf<Calls['list']>): Promise<{ data: Agreement[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }
}
