import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { voidedMax } from '#protocol';
import type { StatementFile } from '#protocol';
import { statementFromText } from '../epochs/statement-file.js';

export interface Handed {
  readonly number: number;
  readonly file: StatementFile;
}

/** Signed forms as they were handed out, each for good. Runs in the caller's transaction. */
@Injectable()
export class HandedStore {
  async add(manager: EntityManager, tenant: string, statement: string, file: string, payees: readonly string[]): Promise<void> {
    await manager.query('INSERT INTO settlement.handed (tenant, statement, file, payees) VALUES ($1, $2, $3, $4)', [tenant, statement, file, payees.map((payee) => payee.toLowerCase())]);
  }

  /** Those that pay a payee (lower-case address), after a number, oldest first. */
  async page(manager: EntityManager, payee: string, after: number, limit: number): Promise<Handed[]> {
    const rows = await manager.query<{ number: string; file: string }[]>('SELECT number, file FROM settlement.handed WHERE payees @> ARRAY[$1::text] AND number > $2 ORDER BY number LIMIT $3', [payee, after, limit]);
    return rows.map(({ number, file }) => ({ number: Number(number), file: statementFromText(file) }));
  }

  /** Of those that pay a payee, the newest that can land no more. */
  async voided(manager: EntityManager, payee: string): Promise<number[]> {
    const rows = await manager.query<{ number: string }[]>(
      'SELECT h.number FROM settlement.handed h JOIN settlement.statements s ON s.id = h.statement WHERE h.payees @> ARRAY[$1::text] AND s.voided_tx IS NOT NULL ORDER BY h.number DESC LIMIT $2',
      [payee, voidedMax],
    );
    return rows.map(({ number }) => Number(number));
  }
}
