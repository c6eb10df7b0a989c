import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord } from '#protocol';
import type { Holdback, HoldbackRule, RequestOf, Verdict, holdbackCalls } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import { AdjustmentsStore } from '../adjustments/adjustments.store.js';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { BillingConfig } from '../billing-config.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { StatementsStore } from '../payables/statements.store.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { forfeitAdjustmentId, forfeitTransfer, releaseTransfer } from './holdback-transfers.js';
import { HoldbacksStore } from './holdbacks.store.js';
import type { DueHoldback } from './holdbacks.store.js';

type Calls = typeof holdbackCalls;

/** Holdbacks ended in one transaction. */
const endedPerRound = 200;

/** Ends holdbacks: by what verification said, or by time. */
@Injectable()
export class Holdbacks extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(HoldbacksStore) private readonly store: HoldbacksStore,
    @Inject(AdjustmentsStore) private readonly adjustments: AdjustmentsStore,
    @Inject(AnomaliesStore) private readonly anomalies: AnomaliesStore,
    @Inject(StatementsStore) private readonly statements: StatementsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  /** Answers how many have ended. */
  async runOnce(): Promise<number> {
    let all = 0;
    let ended: number;
    do all += ended = await withTenant(this.dataSource, '*', (manager) => this.endDue(manager, null));
    while (ended === endedPerRound && !this.isStopping);
    if (all > 0) this.outbox.kick();
    return all;
  }

  /** In the caller's transaction over all tenants, whether or not the charge is booked yet: what is held of it ends when it is. */
  async judged(manager: EntityManager, said: Verdict, actor: unknown = null): Promise<void> {
    const isNew = await this.store.judge(manager, said, actor, this.clock.nowMs());
    if (!isNew || said.passed) return;
    const tenant = await this.store.paidTenant(manager, said.record, said.node);
    if (tenant !== undefined) await this.anomalies.add(manager, [{ kind: anomalyKinds.verificationLate, subject: said.record, tenant, detail: { node: said.node, reason: said.reason } }]);
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  async decide({ actor, record, passed, note }: RequestOf<Calls['decide']>): Promise<Holdback> {
    const ended = await withTenant(this.dataSource, '*', async (manager) => {
      const before = await this.store.find(manager, record);
      if (!before) throw failure('NOT_FOUND', 'nothing of this record is or was held back', { record });
      if (before.state === 'held') {
        await this.judged(manager, { record, node: before.node, passed, reason: note }, actor);
        await this.endDue(manager, record);
      }
      const after = (await this.store.find(manager, record))!;
      if (after.state === 'held') throw failure('SERVICE_UNAVAILABLE', 'the organisation of this record is not known here yet; decide again shortly', { record });
      if (after.state !== (passed ? 'released' : 'forfeited')) throw failure('CONFLICT', `this holdback is ${after.state}: ${after.reason ?? 'its time was over'}`, { record });
      return after;
    });
    this.outbox.kick();
    return ended;
  }

  async putRule({ actor, ...asked }: RequestOf<Calls['putRule']>): Promise<HoldbackRule> {
    const put = await withTenant(this.dataSource, '*', async (manager) => {
      const rule = { ...asked, changedAtMs: this.clock.nowMs() };
      if (await this.store.putRule(manager, rule)) {
        const { changedAtMs: timeMs, ...said } = rule;
        await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'holdback-rule.set', timeMs, fields: { ...said, keyId: actor.keyId }, facts: null }));
      }
      return (await this.store.rules(manager)).find(({ target }) => target === rule.target)!;
    });
    this.outbox.kick();
    return put;
  }

  /** Row by row locked before the accounts, as booking does. */
  private async endDue(manager: EntityManager, record: string | null): Promise<number> {
    const nowMs = this.clock.nowMs();
    const due = await this.store.lockDue(manager, nowMs, endedPerRound, record);
    // What is told is sealed to the organisation: one that the replica does not name yet waits.
    const ended = await this.lessRoyalties(manager, due.filter(({ reason, tenant }) => reason === null || this.records.knows(tenant)));
    if (ended.length === 0) return 0;
    await this.store.end(manager, ended, nowMs);
    for (const forfeited of ended.filter(({ passed }) => !passed)) await this.credit(manager, forfeited, nowMs);
    for (const verified of ended.filter(({ passed, reason }) => passed && reason !== null)) await this.tellReleased(manager, verified, nowMs);
    await this.ledger.post(manager, ended.map((each) => (each.passed ? releaseTransfer(each) : forfeitTransfer(each))));
    return ended.length;
  }

  /** No share of an owner of data may come between the look and the posting. */
  private async lessRoyalties(manager: EntityManager, due: readonly DueHoldback[]): Promise<readonly DueHoldback[]> {
    const refuted = due.filter(({ passed }) => !passed);
    if (refuted.length === 0) return due;
    for (const tenant of [...new Set(refuted.map(({ tenant: of }) => of))].sort()) await this.statements.lockTenant(manager, tenant);
    const left = await this.store.leftOf(manager, refuted.map(({ record }) => record));
    return due.map((each) => (each.passed ? each : { ...each, forfeitedNanos: least(each.amountNanos, left.get(each.record)!) }));
  }

  /** Somebody's word that the work is good moves money. That a time is over follows from its rule, and is no entry. */
  private async tellReleased(manager: EntityManager, { record, tenant, node, amountNanos, reason, keyId }: DueHoldback, nowMs: number): Promise<void> {
    const fields = { record, node, reason, currency: 'USD', releasedNanos: amountNanos.toString(), keyId };
    await this.outbox.record(manager, await this.records.seal(tenant, { id: this.ids.uuid(), type: 'holdback.released', timeMs: nowMs, fields, facts: null }));
  }

  private async credit(manager: EntityManager, { record, tenant, node, forfeitedNanos: amountNanos, reason, keyId }: DueHoldback, nowMs: number): Promise<void> {
    if (amountNanos > 0n) await this.adjustments.insert(manager, { id: forfeitAdjustmentId(record), tenant, amountNanos: -amountNanos, record, name: 'Credit for work that verification refuted', detail: `request ${record}`, madeAtMs: nowMs });
    const fields = { record, node, reason, currency: 'USD', creditNanos: amountNanos.toString(), keyId };
    await this.outbox.record(manager, await this.records.seal(tenant, { id: this.ids.uuid(), type: 'holdback.forfeited', timeMs: nowMs, fields, facts: null }));
  }
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
