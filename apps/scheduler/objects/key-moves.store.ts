import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Tables whose rows hold data keys. `named`: by what a row is named in the context of its keys. */
export const keyedTables = {
  files: { named: 'id', hasKey: '(wrapped_key IS NOT NULL OR kept_key IS NOT NULL)' },
  responses: { named: 'id', hasKey: '(wrapped_key IS NOT NULL OR kept_key IS NOT NULL)' },
  line_answers: { named: 'job', hasKey: 'true' },
} as const;
export type KeyedTable = keyof typeof keyedTables;

export interface KeyedRow {
  readonly id: string;
  readonly wrapped: Buffer | null;
  /** Of what was deleted, and may be held. */
  readonly kept: Buffer | null;
  /** Of an answer that is encrypted under the master key itself: its length. */
  readonly answerBytes: number | null;
}

const underOf = (table: KeyedTable, from: string | null): string => (from === null ? `content_key IS NULL AND ${keyedTables[table].hasKey} AND $2::uuid IS NULL` : 'content_key = $2');

/** The wrapped keys of contents, some at a time. */
@Injectable()
export class KeyMoveStore {
  async has(manager: EntityManager, table: KeyedTable, tenant: string, from: string | null): Promise<boolean> {
    return (await manager.query<unknown[]>(`SELECT 1 FROM scheduler.${table} WHERE tenant = $1 AND ${underOf(table, from)} LIMIT 1`, [tenant, from])).length > 0;
  }

  /** Rows under a content key, or under the master key (null), in the order of their names, locked. What another scheduler moves just now is left out. */
  async under(manager: EntityManager, table: KeyedTable, tenant: string, from: string | null, after: string | null, max: number): Promise<KeyedRow[]> {
    const { named } = keyedTables[table];
    const keys = table === 'line_answers' ? 'wrapped_key AS wrapped, NULL::bytea AS kept, CASE WHEN wrapped_key IS NULL THEN octet_length(answer) END AS "answerBytes"' : 'wrapped_key AS wrapped, kept_key AS kept, NULL::integer AS "answerBytes"';
    return manager.query(`SELECT ${named} AS id, ${keys} FROM scheduler.${table} WHERE tenant = $1 AND ${underOf(table, from)} AND ($3::uuid IS NULL OR ${named} > $3) ORDER BY ${named} LIMIT $4 FOR UPDATE SKIP LOCKED`, [tenant, from, after, max]);
  }

  /** Sets the keys of rows as they are given, and under which content key they are; null: the row has none any more. */
  async moved(manager: EntityManager, table: KeyedTable, tenant: string, rows: readonly KeyedRow[], to: string): Promise<void> {
    const [ids, wrapped, kept] = [rows.map(({ id }) => id), rows.map((row) => row.wrapped), rows.map((row) => row.kept)];
    if (table === 'line_answers') {
      await manager.query(
        `UPDATE scheduler.line_answers t SET content_key = $4, wrapped_key = n.wrapped FROM unnest($2::uuid[], $3::bytea[]) AS n (id, wrapped) WHERE t.tenant = $1 AND t.job = n.id`,
        [tenant, ids, wrapped, to],
      );
      return;
    }
    await manager.query(
      `UPDATE scheduler.${table} t SET content_key = CASE WHEN n.wrapped IS NOT NULL OR n.kept IS NOT NULL THEN $5::uuid END, wrapped_key = n.wrapped, kept_key = n.kept
       FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) AS n (id, wrapped, kept) WHERE t.tenant = $1 AND t.id = n.id`,
      [tenant, ids, wrapped, kept, to],
    );
  }

  /** An answer that is encrypted under the master key itself, locked before. */
  async answer(manager: EntityManager, tenant: string, job: string): Promise<Buffer> {
    const [row] = await manager.query<{ answer: Buffer }[]>('SELECT answer FROM scheduler.line_answers WHERE tenant = $1 AND job = $2', [tenant, job]);
    return row!.answer;
  }

  /** It alone, as a parameter that travels as it is: of several in an array, the driver makes one text of two digits a byte. */
  async reencrypted(manager: EntityManager, tenant: string, job: string, { wrapped, answer }: { wrapped: Buffer; answer: Buffer }, to: string): Promise<void> {
    await manager.query('UPDATE scheduler.line_answers SET content_key = $3, wrapped_key = $4, answer = $5 WHERE tenant = $1 AND job = $2', [tenant, job, to, wrapped, answer]);
  }

  /** Organisations with rows under the master key. In no order, so that those that cannot be moved keep no others waiting. */
  async tenantsUnderMaster(manager: EntityManager, max: number): Promise<string[]> {
    const each = (Object.keys(keyedTables) as KeyedTable[]).map((table) => `SELECT DISTINCT tenant FROM scheduler.${table} WHERE content_key IS NULL AND ${keyedTables[table].hasKey}`);
    const rows = await manager.query<{ tenant: string }[]>(`SELECT tenant FROM (${each.join(' UNION ')}) left_over ORDER BY random() LIMIT $1`, [max]);
    return rows.map(({ tenant }) => tenant);
  }

  /** How many rows are under the master key. */
  async countUnderMaster(manager: EntityManager): Promise<number> {
    const each = (Object.keys(keyedTables) as KeyedTable[]).map((table) => `(SELECT count(*) FROM scheduler.${table} WHERE content_key IS NULL AND ${keyedTables[table].hasKey})`);
    const [row] = await manager.query<{ count: string }[]>(`SELECT ${each.join(' + ')} AS count`);
    return Number(row!.count);
  }
}
