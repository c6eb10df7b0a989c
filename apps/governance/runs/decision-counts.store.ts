import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { closedRun, decisionCount, type DecisionNumber } from '#protocol';
import type { NumberedDraft } from '../audit/batch.js';

/** An entry that counts decisions of a run. */
export interface CountPlace {
  readonly index: number;
  readonly record: string;
}

interface Row {
  index: string;
  record: string;
}

/** Which entry of the log counts which numbers. Every method runs in a transaction that sees all tenants. */
@Injectable()
export class DecisionCountStore {
  /** Takes notice of counts that are new in the log, in the transaction that brings them. One that cannot be read counts nothing. */
  async keep(manager: EntityManager, entries: readonly NumberedDraft[]): Promise<void> {
    for (const { index, id, type, fields } of entries) {
      const range = type === 'decisions.counted' ? decisionCount.safeParse(fields).data : type === 'run.closed' ? closedRange(fields) : undefined;
      if (range === undefined) continue;
      await manager.query('INSERT INTO governance.decision_counts (index, record, run, from_number, to_number, is_count) VALUES ($1, $2, $3, $4, $5, $6)', [index, id, range.run, range.from, range.to, type === 'decisions.counted']);
    }
  }

  /** By {@link numberKey}, the entry that counts a number: the gateway's own count, or what was known of it when it was silent. */
  async of(manager: EntityManager, numbers: readonly DecisionNumber[]): Promise<ReadonlyMap<string, CountPlace>> {
    const rows = await manager.query<(Row & { run: string; number: string })[]>(
      `SELECT asked.run, asked.number, c.index, c.record FROM unnest($1::uuid[], $2::bigint[]) AS asked (run, number)
       CROSS JOIN LATERAL (SELECT index, record FROM governance.decision_counts WHERE run = asked.run AND to_number >= asked.number AND from_number <= asked.number ORDER BY is_count DESC, to_number LIMIT 1) c`,
      [numbers.map(({ run }) => run), numbers.map(({ number }) => number)],
    );
    return new Map(rows.map((row) => [numberKey({ run: row.run, number: Number(row.number) }), placeOf(row)]));
  }

  /** In the order of the log. */
  async after(manager: EntityManager, index: number, limit: number): Promise<CountPlace[]> {
    return (await manager.query<Row[]>('SELECT index, record FROM governance.decision_counts WHERE index > $1 ORDER BY index LIMIT $2', [index, limit])).map(placeOf);
  }
}

export const numberKey = ({ run, number }: Pick<DecisionNumber, 'run' | 'number'>): string => `${run} ${number}`;

const placeOf = ({ index, record }: Row): CountPlace => ({ index: Number(index), record });

function closedRange(fields: unknown): { run: string; from: number; to: number } | undefined {
  const { data } = closedRun.safeParse(fields);
  return data && { run: data.run, from: data.countedTo + 1, to: data.lastKnown };
}
