import { Pool } from 'pg';
import type { PoolClient } from 'pg';
import { accountId } from '../../../apps/billing/ledger/chart-of-accounts.js';
import { transferHash } from '../../../apps/billing/ledger/transfer.js';
import type { Transfer } from '../../../apps/billing/ledger/transfer.js';

/** What one would write first: a transaction for each charge, with row locks, on the same tables by as many clients as given. */
export class NaiveLedger {
  private readonly pool: Pool;

  constructor(
    url: string,
    private readonly clients: number,
  ) {
    this.pool = new Pool({ connectionString: url, max: clients, options: '-c app.tenant=*' });
  }

  /** Charges/s over `ms`. */
  async run(ms: number, take: () => Transfer): Promise<number> {
    const started = performance.now();
    const client = async (): Promise<number> => {
      const connection = await this.pool.connect();
      let done = 0;
      try {
        for (; performance.now() - started < ms; done += 1) await post(connection, take());
      } finally {
        connection.release();
      }
      return done;
    };
    const done = await Promise.all(Array.from({ length: this.clients }, client));
    return (done.reduce((sum, one) => sum + one, 0) * 1_000) / (performance.now() - started);
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}

async function post(client: PoolClient, transfer: Transfer): Promise<void> {
  const lines = transfer.lines.map(({ account, amount }) => ({ id: accountId(account), amount, currency: account.currency }));
  await client.query('BEGIN');
  const fresh = await client.query({
    name: 'naive-transfer',
    text: 'INSERT INTO billing.transfers (id, code, tenant, input_hash, lines) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING',
    values: [transfer.id, transfer.code, transfer.tenant, transferHash(transfer), transfer.lines.length],
  });
  if (fresh.rowCount === 1) {
    const [first, second] = lines;
    await client.query({ name: 'naive-lock', text: 'SELECT balance FROM billing.accounts WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE', values: [[first!.id, second!.id]] });
    await client.query({
      name: 'naive-postings',
      text: 'INSERT INTO billing.postings (transfer, line, account, currency, tenant, amount) VALUES ($1, 0, $2, $3, $4, $5), ($1, 1, $6, $7, $4, $8)',
      values: [transfer.id, first!.id, first!.currency, transfer.tenant, first!.amount, second!.id, second!.currency, second!.amount],
    });
  }
  await client.query('COMMIT');
}
