import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '#local';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { accountId, namedUuid, payable, receivable } from './chart-of-accounts.js';
import type { Account } from './chart-of-accounts.js';
import { LedgerStore } from './ledger.store.js';
import { move, transfer } from './transfer.js';
import type { Transfer } from './transfer.js';

const payee = `0x${'1'.repeat(40)}`;

describe('the ledger', () => {
  let books: Books;
  let tenant: string;
  const post = (...transfers: Transfer[]): Promise<ReadonlySet<string>> => books.within((manager) => books.get(LedgerStore).post(manager, transfers));
  const earning = (id: string, nanos: bigint, to = payee): Transfer => transfer(id, 'payee.assign', tenant, move(payable(tenant, to), receivable(tenant), nanos));
  const balance = async (): Promise<bigint> => (await books.within((manager) => books.get(LedgerStore).lock(manager, [receivable(tenant)])))[0]!;

  beforeAll(async () => {
    books = await openBooks();
    tenant = books.ids.uuid();
  });
  afterAll(() => books.close());

  it('posts a batch whole, and a replay of it changes nothing', async () => {
    const batch = [1n, 2n, 3n].map((nanos) => earning(books.ids.uuid(), nanos));
    expect((await post(...batch)).size).toBe(3);
    expect(await balance()).toBe(6n);
    expect((await post(...batch)).size).toBe(0);
    expect(await balance()).toBe(6n);
  });

  it('posts the same id three times in one batch once', async () => {
    const before = await balance();
    const one = earning(books.ids.uuid(), 5n);
    await post(one, one, one);
    expect(await balance()).toBe(before + 5n);
  });

  it('refuses other content under a known id, in a batch or after it, and then posts nothing of the batch', async () => {
    const before = await balance();
    const id = books.ids.uuid();
    await post(earning(id, 5n));
    await expect(post(earning(id, 6n), earning(books.ids.uuid(), 1n))).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    const other = books.ids.uuid();
    await expect(post(earning(other, 1n), earning(other, 2n))).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(await balance()).toBe(before + 5n);
  });

  it('refuses an id that another organisation has, also where its rows are hidden', async () => {
    const id = books.ids.uuid();
    await post(earning(id, 5n));
    const other = books.ids.uuid();
    const same = transfer(id, 'payee.assign', other, move(payable(other, payee), receivable(other), 5n));
    await expect(books.within((manager) => books.get(LedgerStore).post(manager, [same]), other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('takes overlapping batches in any order from several writers at once, each transfer once', async () => {
    const payees = Array.from({ length: 20 }, (_, index) => `0x${index.toString(16).padStart(40, '0')}`);
    // New accounts would make the writers wait for each other.
    await post(...payees.map((to) => earning(books.ids.uuid(), 1n, to)));
    const before = await balance();
    const all = Array.from({ length: 1_500 }, (_, index) => earning(books.ids.uuid(), 1n, payees[index % payees.length]));
    const writers = [all, [...all].reverse(), all.slice(500), [...all].reverse().slice(500), all.slice(0, 1_000), [...all].reverse()];
    const fresh = await Promise.all(writers.map((batch) => post(...batch)));
    const posted = fresh.reduce((sum, ids) => sum + ids.size, 0);
    expect(posted).toBe(all.length);
    expect(await balance()).toBe(before + BigInt(posted));
    expect(new Set(fresh.flatMap((ids) => [...ids])).size).toBe(posted);
    expect(await books.faults()).toEqual([]);
  });

  it('locks the accounts of a batch in one order, whatever moves between them and however many they are', async () => {
    const accounts = Array.from({ length: 1_200 }, () => receivable(books.ids.uuid()));
    const among = (count: number): Transfer[] => accounts.slice(0, count).map((from, index) => transfer(books.ids.uuid(), 'payee.assign', tenant, move(from, accounts[(index + 1) % count]!, 1n)));
    await post(...among(accounts.length));
    // Two that wait for each other are broken off by the database, one of them with an error.
    const counts = [1_200, 50, 600, 100, 300, 150];
    for (let round = 0; round < 5; round += 1) expect((await Promise.all(counts.map((count) => post(...among(count))))).map(({ size }) => size)).toEqual(counts);
    expect(await books.faults()).toEqual([]);
  });

  it('leaves nothing behind when its transaction is broken off in the middle', async () => {
    const before = await balance();
    await expect(
      books.within(async (manager) => {
        await books.get(LedgerStore).post(manager, [earning(books.ids.uuid(), 1_000n)]);
        const [{ pid }] = await manager.query<[{ pid: number }]>('SELECT pg_backend_pid() AS pid');
        await withClient(books.database.adminUrl, (client) => client.query('SELECT pg_terminate_backend($1)', [pid]));
        await manager.query('SELECT 1');
      }),
    ).rejects.toThrow();
    expect(await balance()).toBe(before);
    expect(await books.faults()).toEqual([]);
  });

  it('is refused by the database itself when a transfer does not balance, is added to, or is on an account of another currency', async () => {
    const id = books.ids.uuid();
    await post(earning(id, 5n));
    const account = accountId(receivable(tenant));
    const insert = (transferId: string, ...lines: [line: number, currency: string, amount: number][]): Promise<unknown> =>
      books.within(async (manager) => {
        await manager.query(`INSERT INTO billing.transfers (id, code, tenant, input_hash, lines) VALUES ($1, 'payee.assign', $2, 'x', 2) ON CONFLICT DO NOTHING`, [transferId, tenant]);
        await manager.query(
          `INSERT INTO billing.postings (transfer, line, account, currency, tenant, amount) SELECT $1, line, $2, currency, $3, amount FROM jsonb_to_recordset($4) AS l(line smallint, currency text, amount bigint)`,
          [transferId, account, tenant, JSON.stringify(lines.map(([line, currency, amount]) => ({ line, currency, amount })))],
        );
      });
    await expect(insert(books.ids.uuid(), [0, 'USD', 5], [1, 'USD', -4])).rejects.toThrow(/LEDGER_UNBALANCED/);
    await expect(insert(id, [7, 'USD', 5], [8, 'USD', -5])).rejects.toThrow(/whole and once/);
    await expect(insert(id, [2, 'USD', 5], [3, 'USD', -5])).rejects.toThrow(/whole and once/);
    await expect(insert(id, [0, 'USD', 5], [1, 'USD', -5])).rejects.toThrow(/duplicate key/);
    await expect(insert(books.ids.uuid(), [0, 'USD', 5], [1, 'USD', -4], [2, 'USD', -1])).rejects.toThrow(/whole and once/);
    await expect(insert(books.ids.uuid(), [-1, 'USD', 5], [0, 'USD', -5])).rejects.toThrow(/whole and once/);
    await expect(insert(books.ids.uuid(), [0, 'EUR', 5], [1, 'EUR', -5])).rejects.toThrow(/another currency/);
  });

  it('opens an account anew when the transaction that opened it was broken off', async () => {
    const to = `0x${'2'.repeat(40)}`;
    const broken = books.within(async (manager) => {
      await books.get(LedgerStore).lock(manager, [payable(tenant, to)]);
      await books.get(LedgerStore).post(manager, [earning(books.ids.uuid(), 1n, to)]);
      throw new Error('broken off');
    });
    await expect(broken).rejects.toThrow('broken off');
    expect((await post(earning(books.ids.uuid(), 2n, to))).size).toBe(1);
    expect(await books.faults()).toEqual([]);
  });

  it('opens accounts anew that a database does not have since it was brought back to an earlier time', async () => {
    const account = payable(tenant, `0x${'3'.repeat(40)}`);
    const lock = (): Promise<bigint[]> => books.within((manager) => books.get(LedgerStore).lock(manager, [account]));
    // The second look is what the ledger remembers.
    for (let look = 0; look < 2; look++) expect(await lock()).toEqual([0n]);
    await withClient(books.database.adminUrl, (client) => client.query('DELETE FROM billing.accounts WHERE code = $1', [account.code]));
    await expect(lock()).rejects.toThrow('not in the books any more');
    expect(await lock()).toEqual([0n]);
  });

  it('looks for the accounts and transfers of a batch and no others, also with a plan that was made when there were few', async () => {
    const fresh = await openBooks();
    try {
      const owner = fresh.ids.uuid();
      const payees = Array.from({ length: 1_000 }, (_, index) => `0x${index.toString(16).padStart(40, '0')}`);
      const earnings = (to: readonly string[]): Transfer[] => to.map((one) => transfer(fresh.ids.uuid(), 'payee.assign', owner, move(payable(owner, one), receivable(owner), 1n)));
      const ledger = fresh.get(LedgerStore);
      const open = async (accounts: readonly Account[]): Promise<void> => {
        // The second look is what the ledger remembers.
        for (let look = 0; look < 2; look += 1) await fresh.within((manager) => ledger.lock(manager, accounts));
      };
      await open([receivable(owner), payable(owner, payees[0]!)]);
      const read = fresh.within(async (manager) => {
        const rowsRead = async (): Promise<number[]> => {
          const rows = await manager.query<{ rows: string }[]>(`SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables WHERE schemaname = 'billing' AND relname IN ('accounts', 'transfers') ORDER BY relname`);
          return rows.map((row) => Number(row.rows));
        };
        await ledger.post(manager, earnings(payees.slice(0, 1)));
        await open(payees.slice(1).map((one) => payable(owner, one)));
        const before = await rowsRead();
        await ledger.post(manager, earnings(payees.slice(100, 200)));
        return (await rowsRead()).map((rows, index) => rows - before[index]!);
      });
      // Those of a hundred payees and the one that owes them; a hundred transfers.
      expect(await read).toEqual([101, 100]);
    } finally {
      await fresh.close();
    }
  });

  it('lets its login role neither change nor remove what is posted, nor move a balance without a posting', async () => {
    const opened = (column: string): string => `INSERT INTO billing.accounts (id, code, currency, kind, tenant, ${column}) VALUES (gen_random_uuid(), 'made up', 'USD', 'receivable', 'operator', 1)`;
    for (const statement of [opened('balance'), opened('postings'), 'UPDATE billing.accounts SET balance = 0', 'UPDATE billing.postings SET amount = 1', 'DELETE FROM billing.postings', 'DELETE FROM billing.transfers', 'UPDATE billing.charges SET amount_nanos = 0', 'DELETE FROM billing.charges', 'TRUNCATE billing.postings']) {
      await expect(books.within((manager) => manager.query(statement))).rejects.toThrow(/permission denied/);
    }
  });

  it('makes the same ids of names in the database as beside it', async () => {
    for (const parts of [['a'], ['a', 'b'], ['ab', ''], ['named by caller', 'invoice.credit', books.ids.uuid()], ['Ü', '\\x00']]) {
      expect(await books.within((manager) => manager.query(`SELECT billing.named_uuid(VARIADIC $1::text[]) AS id`, [parts]))).toEqual([{ id: namedUuid(...parts) }]);
    }
  });

  it('hides the rows of another tenant', async () => {
    const rows = (as: string): Promise<unknown[]> => books.within((manager) => manager.query('SELECT id FROM billing.transfers UNION ALL SELECT transfer FROM billing.postings UNION ALL SELECT id FROM billing.accounts'), as);
    expect((await rows(tenant)).length).toBeGreaterThan(0);
    expect(await rows(books.ids.uuid())).toEqual([]);
    expect(await rows('')).toEqual([]);
  });

  it('shows every row to the verifier, who changes none', async () => {
    await withClient(books.database.verifyUrl, async (client) => {
      const { rows } = await client.query<{ table: string }>(`SELECT tablename AS table FROM pg_tables WHERE schemaname = 'billing' AND tablename <> 'migrations'`);
      expect(rows.length).toBeGreaterThan(15);
      for (const { table } of rows) await client.query(`SELECT count(*) FROM billing.${table}`);
      expect(Number((await client.query<{ n: string }>('SELECT count(*) AS n FROM billing.postings')).rows[0]!.n)).toBeGreaterThan(0);
      await expect(client.query('DELETE FROM billing.postings')).rejects.toThrow(/permission denied|read-only/);
    });
  });
});
