import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nanosMax } from '#kernel';
import { withClient } from '#local';
import { billingCalls } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { openMarket } from '../records-harness.js';
import { invoiced, payable, receivable, received } from './chart-of-accounts.js';
import { LedgerStore } from './ledger.store.js';
import { move, transfer } from './transfer.js';
import { TrialBalanceRpc } from './trial-balance.rpc.js';
import { TrialBalanceStore } from './trial-balance.store.js';

describe('the trial balance', () => {
  let books: Books;
  beforeAll(async () => {
    books = await openBooks();
  });
  afterAll(() => books.close());

  const both = () => books.within(async (manager) => [await books.get(TrialBalanceStore).sums(manager), await books.get(TrialBalanceStore).sumsOfPostings(manager)]);

  it('is the same read off the accounts and from every posting', async () => {
    expect(await both()).toEqual([[], []]);
    const tenant = books.ids.uuid();
    const transfers = Array.from({ length: 30 }, (_, index) => transfer(books.ids.uuid(), 'payee.assign', tenant, [...move(payable(tenant, '0x1'), receivable(tenant), BigInt(index + 1)), ...move(payable(tenant, '0x2'), receivable(tenant), 1n)]));
    await books.within((manager) => books.get(LedgerStore).post(manager, transfers));
    const sums = [{ currency: 'USD', sum: 0n, postings: 90 }];
    expect(await both()).toEqual([sums, sums]);
  });

  it('is that of any moment, by kind, and its debits are its credits', async () => {
    const [tenant, currency] = [books.ids.uuid(), 'SEK'];
    const at = (beforeMs: number, of: string | null = currency) => books.get(TrialBalanceRpc).at({ beforeMs, currency: of });
    /** Answers when it was posted, by the clock of the database; the next one is later. */
    const pay = async (amount: bigint): Promise<number> => {
      const id = books.ids.uuid();
      await books.within((manager) => books.get(LedgerStore).post(manager, [transfer(id, 'invoice.payment', tenant, move(invoiced(tenant, currency), received(currency), amount))]));
      const [row] = await books.within((manager) => manager.query<{ at: string }[]>('SELECT pg_sleep(0.005), floor(extract(epoch FROM posted_at) * 1000) + 1 AS at FROM billing.transfers WHERE id = $1', [id]));
      return Number(row!.at);
    };
    const first = await pay(7n);
    const second = await pay(5n);
    const sums = (nanos: bigint, beforeMs: number) => ({ beforeMs, currencies: [{ currency, debitNanos: nanos, creditNanos: nanos }], kinds: [{ kind: 'invoiced', currency, balanceNanos: -nanos }, { kind: 'received', currency, balanceNanos: nanos }] });
    expect([await at(first), await at(second), await at(first - 60_000)]).toEqual([sums(7n, first), sums(12n, second), { beforeMs: first - 60_000, currencies: [], kinds: [] }]);
    const all = await at(second, null);
    expect(all.currencies.length).toBeGreaterThan(1);
    for (const { debitNanos, creditNanos } of all.currencies) expect(debitNanos).toBe(creditNanos);
  });

  it('is told however much all accounts hold together, as of budgets that nobody wants to reach', async () => {
    for (let budgets = 0; budgets < 3; budgets += 1) await openMarket(books, nanosMax);
    const now = await books.get(TrialBalanceRpc).at({ beforeMs: books.clock.nowMs() + 10 ** 12, currency: 'USD' });
    const all = await books.get(TrialBalanceRpc).trialBalance();
    const limits = -3n * nanosMax;
    expect([now.kinds.find(({ kind }) => kind === 'budget.limit')?.balanceNanos, all.accounts.find(({ code }) => code === 'budget.limit')?.balance]).toEqual([limits, limits]);
    for (const [{ reply }, said] of [[billingCalls.trialBalanceAt, now], [billingCalls.trialBalance, all]] as const) expect(reply.parse(JSON.parse(JSON.stringify(reply.encode(said as never))))).toEqual(said);
  });

  it('names the account when somebody with the rights of the server changed what is cached', async () => {
    const code = receivable(books.ids.uuid()).code;
    await withClient(books.database.adminUrl, (client) => client.query(`INSERT INTO billing.accounts (id, code, currency, kind, tenant, postings) VALUES (gen_random_uuid(), $1, 'USD', 'receivable', 'x', 1)`, [code]));
    expect(await books.within((manager) => books.get(TrialBalanceStore).wrongBalances(manager))).toEqual([code]);
  });
});
