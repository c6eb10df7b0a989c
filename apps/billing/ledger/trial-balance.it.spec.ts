import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '#local';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { payable, receivable } from './chart-of-accounts.js';
import { LedgerStore } from './ledger.store.js';
import { move, transfer } from './transfer.js';
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

  it('names the account when somebody with the rights of the server changed what is cached', async () => {
    const code = receivable(books.ids.uuid()).code;
    await withClient(books.database.adminUrl, (client) => client.query(`INSERT INTO billing.accounts (id, code, currency, kind, tenant, postings) VALUES (gen_random_uuid(), $1, 'USD', 'receivable', 'x', 1)`, [code]));
    expect(await books.within((manager) => books.get(TrialBalanceStore).wrongBalances(manager))).toEqual([code]);
  });
});
