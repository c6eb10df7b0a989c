import { limits } from '#protocol';
import { counted } from './finding.js';
import type { Finding, Invariant } from './finding.js';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import type { Query } from './sources.js';

/** Rows named in an answer, per kind of problem. */
const namedMax = 200;
/** How long closing an overdue admission may take once its grace is over: a few sweeps and a way through the stream. */
const closingMs = 30_000;

/** Every admitted job is known to the books once, ends in time, and is paid at most once. */
export const jobsOnce: Invariant = {
  name: 'jobs-once',
  check: async ({ snapshot, streams, clock }) => {
    const behind = (await streams?.behind('RECORDS', ['billing-records', 'governance-log'])) ?? [];
    return snapshot(async (query): Promise<Finding> => {
      const problems = [...behind, ...(await lost(query)), ...(await overdue(query, clock.nowMs())), ...(await endedWrongly(query)), ...(await drawnWrongly(query))];
      const states = await query<{ state: string; count: string }>('SELECT state, count(*) AS count FROM billing.admissions GROUP BY state ORDER BY state');
      return { problems, looked: states.length === 0 ? 'no job yet' : states.map(({ state, count }) => counted(BigInt(count), `${state} job`)).join(', ') };
    });
  },
};

/** Admitted in the log and unknown to the books, or the other way round. An answer that is given again at a price is in the books by its `reused`. */
async function lost(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string; logged: boolean; state: string | null; same_tenant: boolean | null }>(
    `SELECT COALESCE(e.id, a.record) AS record, e.id IS NOT NULL AS logged, a.state, e.tenant = a.tenant AS same_tenant
     FROM (SELECT id, tenant FROM governance.log_entries WHERE type = 'admitted' UNION ALL
           SELECT id, tenant FROM governance.log_entries WHERE type = 'reused' AND id IN (SELECT record FROM billing.admissions)) e
       FULL JOIN billing.admissions a ON a.record = e.id
     WHERE e.id IS NULL OR a.record IS NULL OR a.admitted_at_ms IS NULL OR e.tenant IS DISTINCT FROM a.tenant ORDER BY 1 LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record, logged, state, same_tenant: sameTenant }) => {
    if (!logged) return unsettled(`unlogged ${record}`, `job ${record} is in the books and was never admitted in the log`);
    if (state === null) return unsettled(`lost ${record}`, `job ${record} was admitted and the books do not know it`);
    return sameTenant === false ? broken(`tenant ${record}`, `job ${record} belongs to different organisations in log and books`) : unsettled(`half ${record}`, `of job ${record} the books know the end and not the admission`);
  });
}

async function overdue(query: Query, nowMs: number): Promise<Problem[]> {
  const rows = await query<{ record: string; state: string; deadline_ms: string }>(
    `SELECT record, state, deadline_ms FROM billing.admissions WHERE state NOT IN ('completed', 'voided') AND deadline_ms < $1 ORDER BY deadline_ms LIMIT $2`,
    [nowMs - limits.admissionGraceMs - closingMs, namedMax],
  );
  return rows.map(({ record, state, deadline_ms: deadlineMs }) => unsettled(`overdue ${record}`, `job ${record} is still ${state}, ${Math.round((nowMs - Number(deadlineMs)) / 1_000)} s past its deadline`));
}

/** An ended job has one charge of its kind, an open one none. */
async function endedWrongly(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string; state: string | null; charged: string | null }>(
    `SELECT COALESCE(a.record, c.record) AS record, a.state, c.record_type AS charged FROM billing.admissions a FULL JOIN billing.charges c ON c.record = a.record
     WHERE a.record IS NULL OR (c.record IS NULL) <> (a.state IN ('open', 'closing')) OR (c.record IS NOT NULL AND c.record_type <> a.state) ORDER BY 1 LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record, state, charged }) => {
    if (state === null) return broken(`charged ${record}`, `job ${record} is charged and was never admitted in the books`);
    return broken(`end ${record}`, charged === null ? `job ${record} is ${state} without a charge` : `job ${record} is ${state} and has a charge of kind ${charged}`);
  });
}

/** A charge is drawn once: the draws of a payee never take more than its charges. */
async function drawnWrongly(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string }>(
    `SELECT d.record FROM billing.statement_charges d LEFT JOIN billing.charges c ON c.record = d.record WHERE c.record IS NULL ORDER BY d.record LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record }) => broken(`drawn ${record}`, `job ${record} is in a statement and has no charge`));
}
