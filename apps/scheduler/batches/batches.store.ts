import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { batchStatusesBefore } from './batch.js';
import type { Batch, Ending } from './batch.js';
import type { BatchProblem, BatchStatus } from '#protocol';
import { pageOf } from '../files/files.store.js';
import type { CreatedPage, Scope } from '../files/files.store.js';

interface BatchRow {
  id: string;
  tenant: string;
  project: string;
  key_id: string;
  endpoint: Batch['endpoint'];
  input_file: string;
  output_file: string | null;
  error_file: string | null;
  status: BatchStatus;
  ending: Ending | null;
  problems: BatchProblem[];
  metadata: Record<string, string> | null;
  declared: Batch['declared'];
  total: number;
  completed: number;
  failed: number;
  created_at_ms: string;
  expires_at_ms: string;
  entered_at_ms: Batch['enteredAtMs'];
}

/** Counts of a batch at work come from its answers; an ended one has them written down. */
const counted = `
  SELECT b.id, b.tenant, b.project, b.key_id, b.endpoint, b.input_file, b.output_file, b.error_file, b.status, b.ending, b.problems, b.metadata, b.declared, b.total,
    b.created_at_ms, b.expires_at_ms, b.entered_at_ms, COALESCE(a.good, b.completed)::int AS completed, (COALESCE(a.bad, b.failed) + COALESCE(d.dead, 0))::int AS failed FROM scheduler.batches b
  LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE good) AS good, count(*) FILTER (WHERE NOT good) AS bad FROM scheduler.line_answers WHERE batch = b.id) a ON b.status IN ('in_progress', 'finalizing', 'cancelling')
  LEFT JOIN LATERAL (SELECT count(*) AS dead FROM scheduler.jobs WHERE owner = b.id AND kind = 'batch.line' AND state = 'dead') d ON b.status IN ('in_progress', 'finalizing', 'cancelling')`;

@Injectable()
export class BatchStore {
  async insert(manager: EntityManager, batch: Batch): Promise<void> {
    await manager.query(
      `INSERT INTO scheduler.batches (id, tenant, project, key_id, endpoint, input_file, status, metadata, declared, created_at_ms, expires_at_ms, entered_at_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [batch.id, batch.tenant, batch.project, batch.keyId, batch.endpoint, batch.inputFile, batch.status, batch.metadata && JSON.stringify(batch.metadata), JSON.stringify(batch.declared), batch.createdAtMs, batch.expiresAtMs, JSON.stringify(batch.enteredAtMs)],
    );
  }

  async find(manager: EntityManager, { tenant, project }: Scope, id: string): Promise<Batch | undefined> {
    return (await manager.query<BatchRow[]>(`SELECT * FROM (${counted}) b WHERE id = $1 AND tenant = $2 AND ($3::uuid IS NULL OR project = $3)`, [id, tenant, project])).map(fromRow)[0];
  }

  async findMany(manager: EntityManager, ids: readonly string[]): Promise<Batch[]> {
    return (await manager.query<BatchRow[]>('SELECT * FROM scheduler.batches WHERE id = ANY($1::uuid[])', [ids])).map(fromRow);
  }

  async lock(manager: EntityManager, id: string): Promise<Batch | undefined> {
    return (await manager.query<BatchRow[]>('SELECT * FROM scheduler.batches WHERE id = $1 FOR UPDATE', [id])).map(fromRow)[0];
  }

  async page(manager: EntityManager, { tenant, project }: Scope, page: CreatedPage): Promise<Batch[]> {
    const rows = await manager.query<BatchRow[]>(
      `SELECT * FROM (${counted}) b WHERE tenant = $1 AND ($2::uuid IS NULL OR project = $2) AND ${pageOf(page, '$3', '$4')}`,
      [tenant, project, page.after ?? null, page.limit],
    );
    return rows.map(fromRow);
  }

  /** Moves a batch on; false when it may not come from where it is. */
  async enter(manager: EntityManager, id: string, status: BatchStatus, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH moved AS (
         UPDATE scheduler.batches SET status = $2, entered_at_ms = entered_at_ms || jsonb_build_object($2::text, $3::bigint) WHERE id = $1 AND status = ANY($4) RETURNING 1)
       SELECT 1 FROM moved`,
      [id, status, nowMs, batchStatusesBefore[status]],
    );
    return rows.length > 0;
  }

  async addProblems(manager: EntityManager, id: string, problems: readonly BatchProblem[]): Promise<void> {
    await manager.query('UPDATE scheduler.batches SET problems = problems || $2::jsonb WHERE id = $1', [id, JSON.stringify(problems)]);
  }

  async setTotal(manager: EntityManager, id: string, total: number): Promise<void> {
    await manager.query('UPDATE scheduler.batches SET total = $2 WHERE id = $1', [id, total]);
  }

  /** What it is to end as; the first word counts, unless it is cancelled while its last lines run. */
  async setEnding(manager: EntityManager, id: string, ending: Ending): Promise<void> {
    await manager.query(`UPDATE scheduler.batches SET ending = CASE WHEN $2::text = 'cancelled' THEN $2::text ELSE COALESCE(ending, $2::text) END WHERE id = $1`, [id, ending]);
  }

  async setResult(manager: EntityManager, id: string, result: { outputFile: string | null; errorFile: string | null; completed: number; failed: number }): Promise<void> {
    await manager.query('UPDATE scheduler.batches SET output_file = $2, error_file = $3, completed = $4, failed = $5 WHERE id = $1', [id, result.outputFile, result.errorFile, result.completed, result.failed]);
  }

  /** Batches at work whose time is over, locked. */
  async overdue(manager: EntityManager, nowMs: number): Promise<string[]> {
    const rows = await manager.query<{ id: string }[]>(`SELECT id FROM scheduler.batches WHERE status = 'in_progress' AND ending IS NULL AND expires_at_ms <= $1 LIMIT 20 FOR UPDATE SKIP LOCKED`, [nowMs]);
    return rows.map(({ id }) => id);
  }

  /** Batches of which no line is open any more, and whose end is not under way, locked. */
  async spent(manager: EntityManager): Promise<Batch[]> {
    const rows = await manager.query<BatchRow[]>(
      `SELECT b.* FROM scheduler.batches b WHERE b.status IN ('in_progress', 'cancelling')
         AND NOT EXISTS (SELECT 1 FROM scheduler.jobs j WHERE j.owner = b.id AND j.kind IN ('batch.line', 'batch.finalise') AND j.state IN ('queued', 'running', 'lost'))
       LIMIT 20 FOR UPDATE OF b SKIP LOCKED`,
    );
    return rows.map(fromRow);
  }
}

function fromRow(row: BatchRow): Batch {
  return {
    id: row.id,
    tenant: row.tenant,
    project: row.project,
    keyId: row.key_id,
    endpoint: row.endpoint,
    inputFile: row.input_file,
    outputFile: row.output_file,
    errorFile: row.error_file,
    status: row.status,
    ending: row.ending,
    problems: row.problems,
    metadata: row.metadata,
    declared: row.declared,
    total: row.total,
    completed: row.completed,
    failed: row.failed,
    createdAtMs: Number(row.created_at_ms),
    expiresAtMs: Number(row.expires_at_ms),
    enteredAtMs: row.entered_at_ms,
  };
}
