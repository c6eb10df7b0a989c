import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import { endpoint } from '#protocol';
import type { AdmittedFacts, CompletedFacts } from '#protocol';
import { runNamed } from '../ledger/named-statement.js';
import { statesBefore } from './admission.js';
import type { OpenAdmission } from './admission.js';

/** What booking needs to know of an admission. */
export interface AdmissionHold {
  readonly lease: string;
  readonly holdNanos: Nanos;
  readonly keptNanos: Nanos;
}

interface OpenRow {
  record: string;
  tenant: string;
  project: string;
  budget: string;
  lease: string;
  offer: string;
  node: string;
  price_version: string;
  model: string;
  endpoint: string;
  request_hash: string;
  hold_nanos: string;
  admitted_at_ms: string;
  deadline_ms: string;
}

const fromRow = (row: OpenRow): OpenAdmission => ({
  record: row.record,
  tenant: row.tenant,
  project: row.project,
  budget: row.budget,
  lease: row.lease,
  offer: row.offer,
  node: row.node,
  priceVersion: row.price_version,
  model: row.model,
  endpoint: endpoint.parse(row.endpoint),
  requestHash: row.request_hash,
  holdNanos: BigInt(row.hold_nanos),
  admittedAtMs: Number(row.admitted_at_ms),
  deadlineMs: Number(row.deadline_ms),
});

const admittedColumns = 'key_id, gateway, fence, policy_version, model, endpoint, data_class, request_hash, admitted_at_ms, deadline_ms, hold_nanos, cost_tags, hedge_of';

@Injectable()
export class AdmissionsStore {
  /**
   * Opens admissions; one whose end came first only learns what was missing. Facts already known change nothing.
   * Answers the records that had ended before, and those of which nothing was known.
   */
  async open(manager: EntityManager, admitted: readonly AdmittedFacts[], holdOf: (facts: AdmittedFacts) => Nanos): Promise<{ learnt: string[]; fresh: ReadonlySet<string> }> {
    if (admitted.length === 0) return { learnt: [], fresh: new Set() };
    const rows = admitted.map((facts) => ({
      record: facts.record,
      tenant: facts.tenant,
      project: facts.project,
      budget: facts.budget,
      lease: facts.lease,
      offer: facts.offer,
      node: facts.node,
      price_version: facts.priceVersion,
      key_id: facts.keyId,
      gateway: facts.gateway,
      fence: facts.fence,
      policy_version: facts.policyVersion,
      model: facts.model,
      endpoint: facts.endpoint,
      data_class: facts.dataClass,
      request_hash: facts.requestHash,
      admitted_at_ms: facts.admittedAtMs,
      deadline_ms: facts.deadlineMs,
      hold_nanos: holdOf(facts).toString(),
      cost_tags: [...new Set(facts.costTags ?? [])].sort(),
      hedge_of: facts.hedgeOf,
    }));
    const opened = await runNamed<{ record: string; ended: boolean }>(
      manager,
      'open-admissions',
      `INSERT INTO billing.admissions (record, tenant, project, budget, lease, offer, node, price_version, ${admittedColumns}, state)
       SELECT record, tenant, project, budget, lease, offer, node, price_version, ${admittedColumns}, 'open'
       FROM jsonb_to_recordset($1::jsonb) AS a(record uuid, tenant uuid, project uuid, budget uuid, lease uuid, offer uuid, node uuid, price_version uuid,
         key_id uuid, gateway text, fence bigint, policy_version bigint, model text, endpoint text, data_class text, request_hash text,
         admitted_at_ms bigint, deadline_ms bigint, hold_nanos bigint, cost_tags text[], hedge_of uuid)
       ORDER BY record
       ON CONFLICT (record) DO UPDATE SET (${admittedColumns}) = ROW(${admittedColumns.split(', ').map((column) => `EXCLUDED.${column}`).join(', ')})
       WHERE admissions.admitted_at_ms IS NULL
       RETURNING record, xmax <> 0 AS ended`,
      [JSON.stringify(rows)],
    );
    const of = (wanted: boolean): string[] => opened.flatMap(({ record, ended }) => (ended === wanted ? [record] : []));
    return { learnt: of(true), fresh: new Set(of(false)) };
  }

  /** Holds of the given records, locked in order. */
  async holds(manager: EntityManager, records: readonly string[]): Promise<ReadonlyMap<string, AdmissionHold>> {
    if (records.length === 0) return new Map();
    const rows = await runNamed<{ record: string; lease: string; hold_nanos: string; kept_nanos: string }>(
      manager,
      'hold-admissions',
      'SELECT record, lease, hold_nanos, kept_nanos FROM billing.admissions WHERE record = ANY($1::uuid[]) ORDER BY record FOR UPDATE',
      [records],
    );
    return new Map(rows.map((row) => [row.record, { lease: row.lease, holdNanos: BigInt(row.hold_nanos), keptNanos: BigInt(row.kept_nanos) }]));
  }

  /** Ends admissions; one of which nothing was heard before is entered as ended. */
  async end(manager: EntityManager, ended: readonly { facts: CompletedFacts; state: 'completed' | 'voided' }[]): Promise<void> {
    if (ended.length === 0) return;
    const rows = ended.map(({ facts, state }) => ({
      record: facts.record,
      tenant: facts.tenant,
      project: facts.project,
      budget: facts.budget,
      lease: facts.lease,
      offer: facts.offer,
      node: facts.node,
      price_version: facts.priceVersion,
      state,
      closed_at_ms: facts.completedAtMs,
    }));
    await runNamed(
      manager,
      'end-admissions',
      `INSERT INTO billing.admissions (record, tenant, project, budget, lease, offer, node, price_version, state, closed_at_ms)
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS a(record uuid, tenant uuid, project uuid, budget uuid, lease uuid, offer uuid, node uuid, price_version uuid, state text, closed_at_ms bigint)
       ORDER BY record
       ON CONFLICT (record) DO UPDATE SET state = EXCLUDED.state, closed_at_ms = EXCLUDED.closed_at_ms, kept_nanos = 0
       WHERE admissions.state = ANY($2::text[])`,
      [JSON.stringify(rows), statesBefore('completed')],
    );
  }

  /** What a lease that closes keeps for its open admissions. */
  async keep(manager: EntityManager, kept: readonly { record: string; keptNanos: Nanos }[]): Promise<void> {
    if (kept.length === 0) return;
    await manager.query('UPDATE billing.admissions a SET kept_nanos = k.kept FROM unnest($1::uuid[], $2::bigint[]) AS k(record, kept) WHERE a.record = k.record', [
      kept.map(({ record }) => record),
      kept.map(({ keptNanos }) => keptNanos),
    ]);
  }

  /** Up to `max` admissions still open whose deadline was before `beforeMs`, locked; those that others work on are left out. */
  async lockOverdue(manager: EntityManager, beforeMs: number, max: number): Promise<OpenAdmission[]> {
    const rows = await manager.query<OpenRow[]>(
      `SELECT record, tenant, project, budget, lease, offer, node, price_version, model, endpoint, request_hash, hold_nanos, admitted_at_ms, deadline_ms
       FROM billing.admissions WHERE state = 'open' AND deadline_ms < $1 ORDER BY deadline_ms, record LIMIT $2 FOR UPDATE SKIP LOCKED`,
      [beforeMs, max],
    );
    return rows.map(fromRow);
  }

  async setClosing(manager: EntityManager, record: string): Promise<void> {
    await manager.query(`UPDATE billing.admissions SET state = 'closing' WHERE record = $1 AND state = ANY($2::text[])`, [record, statesBefore('closing')]);
  }

  /** Whether a record was admitted, for its tenant. */
  async exists(manager: EntityManager, record: string): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM billing.admissions WHERE record = $1', [record])).length > 0;
  }
}
