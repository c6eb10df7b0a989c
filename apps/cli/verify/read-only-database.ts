import pg from 'pg';
import type { Query } from './sources.js';

/** The longest look: an hour's worth of a large log. */
const statementMs = 120_000;

/** Postgres through the role that reads every schema and every tenant, and writes nothing. */
export class ReadOnlyDatabase {
  private constructor(private readonly client: pg.Client) {}

  /** Error: what the driver says when the server cannot be reached. */
  static async connect(url: string): Promise<ReadOnlyDatabase> {
    const client = new pg.Client({ connectionString: url, application_name: 'mizan-verify', statement_timeout: statementMs, connectionTimeoutMillis: 5_000 });
    client.on('error', () => undefined); // The next statement says it.
    await client.connect();
    return new ReadOnlyDatabase(client);
  }

  /** Everything that `look` reads is of one instant. */
  async snapshot<T>(look: (query: Query) => Promise<T>): Promise<T> {
    await this.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      await this.client.query(`SELECT set_config('app.tenant', '*', true)`);
      return await look(async <Row extends object>(text: string, values: readonly unknown[] = []) => (await this.client.query<Row>(text, [...values])).rows);
    } finally {
      await this.client.query('ROLLBACK');
    }
  }

  close(): Promise<void> {
    return this.client.end();
  }
}
