import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import { withClient } from '#local';

const run = promisify(execFile);
const clients = 16;
const accountsPerBranch = 100_000;

/** TPC-B transactions/s on a database of its own: by `pgbench`, or by the same statements from here where there is none. */
export class Tpcb {
  readonly by: 'pgbench' | 'own loop';
  private pool: Pool | undefined;

  constructor(
    private readonly url: string,
    private readonly scale: number,
  ) {
    this.by = spawnSync('pgbench', ['--version']).status === 0 ? 'pgbench' : 'own loop';
  }

  async prepare(): Promise<void> {
    if (this.by === 'pgbench') {
      await this.pgbench('-i', '-q', '-s', String(this.scale));
      return;
    }
    await withClient(this.url, async (client) => {
      for (const [table, key, balance, rows] of [['accounts', 'aid', 'abalance', this.scale * accountsPerBranch], ['branches', 'bid', 'bbalance', this.scale], ['tellers', 'tid', 'tbalance', this.scale * 10]] as const) {
        await client.query(`CREATE TABLE pgbench_${table} (${key} int PRIMARY KEY, ${balance} int NOT NULL, filler char(84)) WITH (fillfactor = 100)`);
        await client.query(`INSERT INTO pgbench_${table} SELECT g, 0, '' FROM generate_series(1, $1::int) g`, [rows]);
      }
      await client.query('CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))');
    });
    this.pool = new Pool({ connectionString: this.url, max: clients });
  }

  async perSecond(ms: number): Promise<number> {
    if (!this.pool) return Number(/tps = ([\d.]+)/.exec((await this.pgbench('-n', '-c', String(clients), '-j', '2', '-M', 'prepared', '-T', String(Math.ceil(ms / 1_000)))).stdout)![1]);
    const started = performance.now();
    const done = await Promise.all(Array.from({ length: clients }, () => this.loop(started + ms)));
    return (done.reduce((sum, one) => sum + one, 0) * 1_000) / (performance.now() - started);
  }

  async close(): Promise<void> {
    await this.pool?.end();
  }

  private pgbench(...args: string[]): Promise<{ stdout: string }> {
    const { hostname, port, username, password, pathname } = new URL(this.url);
    return run('pgbench', [...args, '-h', hostname, '-p', port, '-U', username, pathname.slice(1)], { env: { PATH: process.env['PATH'] ?? '', PGPASSWORD: decodeURIComponent(password) } });
  }

  private async loop(untilMs: number): Promise<number> {
    const client = await this.pool!.connect();
    const any = (upTo: number): number => 1 + Math.floor(Math.random() * upTo);
    let done = 0;
    for (; performance.now() < untilMs; done += 1) {
      const [aid, bid, tid, delta] = [any(this.scale * accountsPerBranch), any(this.scale), any(this.scale * 10), any(10_000) - 5_000];
      await client.query('BEGIN');
      await client.query({ name: 'a', text: 'UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2', values: [delta, aid] });
      await client.query({ name: 's', text: 'SELECT abalance FROM pgbench_accounts WHERE aid = $1', values: [aid] });
      await client.query({ name: 't', text: 'UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2', values: [delta, tid] });
      await client.query({ name: 'b', text: 'UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2', values: [delta, bid] });
      await client.query({ name: 'h', text: 'INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)', values: [tid, bid, aid, delta] });
      await client.query('COMMIT');
    }
    client.release();
    return done;
  }
}
