import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { WrappedKey } from '#objects';

export interface LineAnswer {
  readonly line: number;
  readonly answer: Buffer;
  /** Null: the answer is under the master key itself, as before answers had keys of their own. */
  readonly wrappedKey: WrappedKey | null;
}

interface AnswerRow {
  line: number;
  job: string;
  answer: Buffer;
  wrapped_key: Buffer | null;
  content_key: string | null;
}

/** Binds an answer, and its key, to the job that made it. */
export const lineContext = (job: string): string => `line ${job}`;

/** Answers read at once: 8 × at most 64 MiB, usually 8 × some KiB. */
const readAtOnce = 8;

/** Answers of lines, sealed, until their batch's files are written. */
@Injectable()
export class LineAnswerStore {
  async insert(manager: EntityManager, answer: LineAnswer & { batch: string; tenant: string; job: string; good: boolean }): Promise<void> {
    const { batch, line, tenant, job, good, wrappedKey } = answer;
    await manager.query('INSERT INTO scheduler.line_answers (batch, line, tenant, job, good, answer, wrapped_key, content_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [batch, line, tenant, job, good, answer.answer, wrappedKey?.bytes ?? null, wrappedKey?.over ?? null]);
  }

  /** In order of the lines, a few after `afterLine`. */
  async page(manager: EntityManager, batch: string, good: boolean, afterLine: number): Promise<(LineAnswer & { job: string })[]> {
    const rows = await manager.query<AnswerRow[]>('SELECT line, job, answer, wrapped_key, content_key FROM scheduler.line_answers WHERE batch = $1 AND good = $2 AND line > $3 ORDER BY line LIMIT $4', [batch, good, afterLine, readAtOnce]);
    return rows.map(({ line, job, answer, wrapped_key, content_key }) => ({ line, job, answer, wrappedKey: wrapped_key && { bytes: wrapped_key, over: content_key } }));
  }

  async goodLines(manager: EntityManager, batch: string): Promise<Set<number>> {
    const rows = await manager.query<{ line: number }[]>('SELECT line FROM scheduler.line_answers WHERE batch = $1 AND good', [batch]);
    return new Set(rows.map(({ line }) => line));
  }

  async badLines(manager: EntityManager, batch: string): Promise<number> {
    const [row] = await manager.query<{ count: string }[]>('SELECT count(*) AS count FROM scheduler.line_answers WHERE batch = $1 AND NOT good', [batch]);
    return Number(row!.count);
  }

  /** Why lines have no answer: their number → the code. */
  async unanswered(manager: EntityManager, batch: string): Promise<{ line: number; dead: boolean; reason: string }[]> {
    return manager.query(`SELECT (payload->>'line')::int AS line, state = 'dead' AS dead, reason FROM scheduler.jobs WHERE owner = $1 AND kind = 'batch.line' AND state IN ('dead', 'dropped')`, [batch]);
  }

  async forget(manager: EntityManager, batch: string): Promise<void> {
    await manager.query('DELETE FROM scheduler.line_answers WHERE batch = $1', [batch]);
  }
}
