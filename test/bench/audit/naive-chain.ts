import { createHash } from 'node:crypto';
import pg from 'pg';
import { withClient } from '#local';

/** The usual way: each entry carries the hash of the one before, written in a transaction of its own under a lock. */
export class NaiveChain {
  private constructor(private readonly pool: pg.Pool) {}

  static async open(adminUrl: string, workersMax: number): Promise<NaiveChain> {
    await withClient(adminUrl, (client) => client.query('CREATE DATABASE chain'));
    const url = new URL(adminUrl);
    url.pathname = '/chain';
    const pool = new pg.Pool({ connectionString: url.href, max: workersMax });
    await pool.query('CREATE TABLE entries (index bigint PRIMARY KEY, entry bytea NOT NULL, hash bytea NOT NULL)');
    return new NaiveChain(pool);
  }

  /** Entries a second of so many workers. */
  async rate(workers: number, ms: number, entry: Buffer): Promise<number> {
    const start = performance.now();
    let count = 0;
    const work = async (): Promise<void> => {
      while (performance.now() - start < ms) {
        await this.append(entry);
        count += 1;
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    return (count * 1_000) / (performance.now() - start);
  }

  private async append(entry: Buffer): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(1)');
      const { rows } = await client.query<{ index: string; hash: Buffer }>({ name: 'last', text: 'SELECT index, hash FROM entries ORDER BY index DESC LIMIT 1' });
      const hash = createHash('sha256').update(rows[0]?.hash ?? '').update(entry).digest();
      await client.query({ name: 'add', text: 'INSERT INTO entries VALUES ($1, $2, $3)', values: [Number(rows[0]?.index ?? -1) + 1, entry, hash] });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
