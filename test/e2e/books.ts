import pg from 'pg';
import { eventually } from './eventually.js';

/** What the database's administrator sees and may change: everything. */
export class Books {
  private constructor(private readonly pool: pg.Pool) {}

  static open(databaseUrl: string): Books {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    // The server may be killed under an idle connection.
    pool.on('error', () => undefined);
    return new Books(pool);
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async query<Row extends pg.QueryResultRow>(sql: string, params: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(sql, params)).rows;
  }

  /** Waits until each of these requests has its two entries in the log and exactly one charge, posted if it is not zero. */
  async hold(records: readonly string[], patienceMs = 30_000): Promise<void> {
    await eventually(`${records.length} requests in log and books`, async (saw) => {
      const missing = await this.query(
        `SELECT * FROM (
           SELECT asked.id,
             (SELECT count(*) FROM governance.log_entries e WHERE e.id = asked.id AND e.type = 'admitted')::int AS admitted,
             (SELECT count(*) FROM governance.log_entries e WHERE e.id = asked.id AND e.type = 'completed')::int AS completed,
             (SELECT count(*) FROM billing.charges c WHERE c.record = asked.id)::int AS charges,
             (SELECT count(*) FROM billing.charges c WHERE c.record = asked.id AND c.amount_nanos > 0)::int AS payable,
             (SELECT count(*) FROM billing.postings p WHERE p.transfer = asked.id)::int AS postings
           FROM unnest($1::uuid[]) AS asked(id)) AS found
         WHERE admitted <> 1 OR completed <> 1 OR charges <> 1 OR (postings > 0) <> (payable > 0)`,
        [records],
      );
      saw(missing.slice(0, 5));
      return missing.length === 0 ? true : undefined;
    }, patienceMs);
  }

  /** Waits until every admission has ended, every end in the log has its one charge, and the budgets have spent just that. */
  async settle(patienceMs = 60_000): Promise<void> {
    await eventually('no admission open, and a charge for each end in the log', async (saw) => {
      const [row] = await this.query<{ open: number; ends: number; charges: number; charged: string; spent: string }>(
        `SELECT (SELECT count(*) FROM billing.admissions WHERE state IN ('open', 'closing'))::int AS open,
                (SELECT count(*) FROM governance.log_entries WHERE type IN ('completed', 'voided'))::int AS ends,
                (SELECT count(*) FROM billing.charges)::int AS charges,
                (SELECT coalesce(sum(amount_nanos), 0) FROM billing.charges)::text AS charged,
                (SELECT coalesce(sum(balance), 0) FROM billing.accounts WHERE code LIKE 'budget:%:spent')::text AS spent`,
      );
      saw(row);
      return row!.open === 0 && row!.ends === row!.charges && row!.charged === row!.spent ? true : undefined;
    }, patienceMs);
  }
}
