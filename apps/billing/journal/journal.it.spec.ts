import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { accountRule, newReservation, reservationMsMax } from '#protocol';
import type { Leg } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { accountId, granted, operatorAccount, operatorTenant, payable, promotion, receivable } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import { logged } from '../records-harness.js';
import { JournalRpc } from './journal.rpc.js';
import { Journal } from './journal.service.js';

const dayMs = 86_400_000;


describe('the journal', () => {
  let books: Books;
  let one: { keyId: string; tenant: null };
  let other: { keyId: string; tenant: null };
  let names: { bank: string; loan: string };

  const open = (name: string, leastNanos: bigint | null = null, mostNanos: bigint | null = null, currency: 'USD' | 'EUR' = 'USD') => books.get(JournalRpc).putAccount({ actor: one, name, currency, leastNanos, mostNanos });
  const close = (name: string) => books.get(JournalRpc).closeAccount({ actor: one, name, currency: 'USD' });
  const leg = (debit: string, credit: string, amountNanos: bigint): Leg => ({ debit: `operator:${debit}`, credit: `operator:${credit}`, amountNanos });
  const reserve = (legs: Leg[], over: { id?: string; note?: string; currency?: 'USD' | 'EUR'; expiresAtMs?: number; actor?: { keyId: string | null } } = {}) =>
    books.get(JournalRpc).reserve({ actor: (over.actor ?? one) as never, id: over.id ?? books.ids.uuid(), note: over.note ?? 'by hand', currency: over.currency ?? 'USD', legs, expiresAtMs: over.expiresAtMs ?? books.clock.nowMs() + dayMs });
  const post = (id: string, amountsNanos?: bigint[], actor: { keyId: string | null } = other) => books.get(JournalRpc).post({ actor: actor as never, id, amountsNanos });
  const void_ = (id: string) => books.get(JournalRpc).void({ actor: one, id });
  const account = async (name: string) => {
    for (let after: string | undefined; ; ) {
      const { data, hasMore } = await books.get(JournalRpc).listAccounts({ after, limit: 50 });
      const found = data.find(({ code, currency }) => code === `operator:${name}` && currency === 'USD');
      if (found || !hasMore) return found;
      after = `${data.at(-1)!.code} ${data.at(-1)!.currency}`;
    }
  };
  /** Balance, and what is reserved to be debited and credited. */
  const standing = async (name: string) => {
    const found = (await account(name))!;
    return [found.balanceNanos, found.reservedDebitNanos, found.reservedCreditNanos];
  };

  beforeAll(async () => {
    books = await openBooks();
    [one, other] = [{ keyId: books.ids.uuid(), tenant: null }, { keyId: books.ids.uuid(), tenant: null }];
  });
  beforeEach(async () => {
    const tail = books.ids.uuid().slice(-12);
    names = { bank: `bank-${tail}`, loan: `loan-${tail}` };
    // Money at a bank is never below zero, and of the loan at most a thousand is drawn.
    await open(names.bank, 0n);
    await open(names.loan, -1_000n);
  });
  afterEach(async () => expect(await books.faults()).toEqual([]));
  afterAll(() => books.close());

  it('reserves, and posts when a second person says so, once', async () => {
    const { bank, loan } = names;
    const { id } = await reserve([leg(bank, loan, 600n)]);
    expect([await standing(bank), await standing(loan)]).toEqual([[0n, 600n, 0n], [0n, 0n, 600n]]);
    await expect(post(id, undefined, one)).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(post(id, undefined, { keyId: null })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    const [first, second] = await Promise.all([post(id), post(id)]);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ state: 'posted', postedNanos: [600n], endedBy: other.keyId });
    expect([await standing(bank), await standing(loan)]).toEqual([[600n, 0n, 0n], [-600n, 0n, 0n]]);
    await expect(post(id, [1n])).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(void_(id)).rejects.toMatchObject({ code: 'CONFLICT' });
    const entries = (await logged(books, 'journal.changed')).map(({ fields }) => fields as { reservation?: string; change: string }).filter(({ reservation }) => reservation === id);
    expect(entries.map(({ change }) => change)).toEqual(['reserved', 'posted']);
    expect(JSON.stringify(entries)).not.toContain('600');
  });

  it('posts a part, and the rest is free again', async () => {
    const { bank, loan } = names;
    const { id } = await reserve([leg(bank, loan, 600n), leg(bank, loan, 50n)]);
    for (const bad of [[601n, 0n], [-1n, 5n], [0n, 0n], [1n]]) await expect(post(id, bad)).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
    expect(await post(id, [250n, 0n])).toMatchObject({ postedNanos: [250n, 0n] });
    expect([await standing(bank), await standing(loan)]).toEqual([[250n, 0n, 0n], [-250n, 0n, 0n]]);
    const rest = await reserve([leg(bank, loan, 750n)]);
    expect(rest).toMatchObject({ state: 'pending' });
    await void_(rest.id);
  });

  it('voids, and what nobody ended expires', async () => {
    const { bank, loan } = names;
    const [voided, forgotten] = [(await reserve([leg(bank, loan, 400n)])).id, (await reserve([leg(bank, loan, 500n)])).id];
    expect(await void_(voided)).toMatchObject({ state: 'voided', postedNanos: null });
    expect(await void_(voided)).toMatchObject({ state: 'voided' });
    await expect(post(voided)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await standing(loan)).toEqual([0n, 0n, 500n]);
    expect(await books.get(Journal).runOnce()).toBe(0);
    books.clock.advance(dayMs);
    // Expired by its time, whether or not anybody has noticed.
    await expect(post(forgotten)).rejects.toMatchObject({ code: 'RESERVATION_EXPIRED' });
    await expect(void_(forgotten)).rejects.toMatchObject({ code: 'RESERVATION_EXPIRED' });
    const noticed = await Promise.all([books.get(Journal).runOnce(), books.get(Journal).runOnce()]);
    expect(noticed.reduce((a, b) => a + b, 0)).toBe(1);
    await expect(post(forgotten)).rejects.toMatchObject({ code: 'RESERVATION_EXPIRED' });
    expect([await standing(loan), (await books.get(JournalRpc).list({ state: 'expired', limit: 50 })).data.map(({ id }) => id)]).toEqual([[0n, 0n, 0n], [forgotten]]);
  });

  it('links legs: all of them are reserved and posted, or none', async () => {
    const { bank, loan } = names;
    // The second one takes more from the bank than will ever be there.
    await expect(reserve([leg(bank, loan, 300n), leg(loan, bank, 5_000n)])).rejects.toMatchObject({ code: 'ACCOUNT_LIMIT' });
    await expect(reserve([leg(bank, loan, 300n), leg(bank, `none-${bank.slice(-4)}`, 1n)])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect([await standing(bank), await standing(loan)]).toEqual([[0n, 0n, 0n], [0n, 0n, 0n]]);
  });

  it('keeps the rules of accounts against reservations that together would break them, in whatever order they come', async () => {
    const { bank, loan } = names;
    const tried = await Promise.allSettled(Array.from({ length: 8 }, () => reserve([leg(bank, loan, 300n)])));
    expect(tried.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(tried.flatMap((result) => (result.status === 'rejected' ? [(result.reason as { code: string }).code] : []))).toEqual(Array.from({ length: 5 }, () => 'ACCOUNT_LIMIT'));
    expect(await standing(loan)).toEqual([0n, 0n, 900n]);
    // What is reserved and not posted is not there to be spent.
    await expect(reserve([leg(loan, bank, 1n)])).rejects.toMatchObject({ code: 'ACCOUNT_LIMIT' });
    await expect(open(loan, -899n)).rejects.toMatchObject({ code: 'ACCOUNT_LIMIT' });
    expect(await open(loan, -900n)).toMatchObject({ leastNanos: -900n });
  });

  it('closes an account with nothing in it, for good: neither the journal nor the books put anything in it', async () => {
    const { bank, loan } = names;
    const { id } = await reserve([leg(bank, loan, 5n)]);
    await expect(close(bank)).rejects.toMatchObject({ code: 'CONFLICT' });
    await void_(id);
    expect([await close(bank), await close(bank)]).toMatchObject([{ closed: true }, { closed: true }]);
    await expect(reserve([leg(bank, loan, 5n)])).rejects.toMatchObject({ code: 'ACCOUNT_CLOSED' });
    await expect(open(bank)).rejects.toMatchObject({ code: 'ACCOUNT_CLOSED' });
    const past = books.within((manager) => books.get(LedgerStore).post(manager, [transfer(books.ids.uuid(), 'journal', operatorTenant, move(operatorAccount(loan, 'USD'), operatorAccount(bank, 'USD'), 5n))]));
    await expect(past).rejects.toMatchObject({ code: 'ACCOUNT_CLOSED' });
    await expect(close(`none-${bank.slice(-4)}`)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuses what is no transfer, of no account, in another currency, of somebody else, or without a person', async () => {
    const { bank, loan } = names;
    for (const [nanos, code] of [[0n, 'AMOUNT_INVALID'], [-5n, 'AMOUNT_INVALID'], [2n ** 63n, 'AMOUNT_OVERFLOW']] as const) await expect(reserve([leg(bank, loan, nanos)])).rejects.toMatchObject({ code });
    await expect(reserve([leg(bank, loan, 2n ** 62n), leg(bank, loan, 2n ** 62n)])).rejects.toMatchObject({ code: 'AMOUNT_OVERFLOW' });
    await expect(reserve([leg(bank, loan, 1n)], { currency: 'EUR' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(post(books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(void_(books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(reserve([leg(bank, loan, 1n)], { actor: { keyId: null } })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    for (const expiresAtMs of [books.clock.nowMs(), books.clock.nowMs() + reservationMsMax + 1]) await expect(reserve([leg(bank, loan, 1n)], { expiresAtMs })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    // What an organisation owes and what a payee earned are not the journal's.
    const tenant = books.ids.uuid();
    await books.within((manager) => books.get(LedgerStore).post(manager, [transfer(books.ids.uuid(), 'payee.assign', tenant, move(payable(tenant, '0x1'), receivable(tenant), 5n))]));
    await expect(reserve([{ debit: `operator:${bank}`, credit: `receivable:${tenant}`, amountNanos: 1n }])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await books.within((manager) => books.get(LedgerStore).lock(manager, [{ kind: 'exchange', code: 'exchange', currency: 'USD', tenant: operatorTenant }]));
    await expect(reserve([{ debit: `operator:${bank}`, credit: 'exchange', amountNanos: 1n }])).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    const { id } = await reserve([leg(bank, loan, 1n)]);
    const { expiresAtMs } = (await books.get(JournalRpc).list({ state: 'pending', limit: 50 })).data.find((each) => each.id === id)!;
    expect(await reserve([leg(bank, loan, 1n)], { id, expiresAtMs })).toMatchObject({ id });
    await expect(reserve([leg(bank, loan, 2n)], { id, expiresAtMs })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(await standing(loan)).toEqual([0n, 0n, 1n]);
    expect(await books.within((manager) => manager.query('SELECT id FROM billing.reservations'), tenant)).toEqual([]);
    const good = { note: 'n', currency: 'USD', legs: [{ debit: 'margin', credit: 'operator:a', amountNanos: '1' }], expiresAtMs: 1 };
    expect(newReservation.safeParse(good).success).toBe(true);
    for (const bad of [{ legs: [] }, { legs: [{ debit: 'margin', credit: 'margin', amountNanos: '1' }] }, { legs: [{ debit: 'Margin!', credit: 'a', amountNanos: '1' }] }, { currency: 'XYZ' }]) expect(newReservation.safeParse({ ...good, ...bad }).success).toBe(false);
    expect(accountRule.safeParse({ leastNanos: '5', mostNanos: '4' }).success).toBe(false);
  });

  it('is kept by the database itself: more than was given or is held back cannot be used up', async () => {
    const tenant = books.ids.uuid();
    const given = granted(tenant, books.ids.uuid());
    const use = (nanos: bigint) => books.within((manager) => books.get(LedgerStore).post(manager, [transfer(books.ids.uuid(), 'credit.lapse', tenant, move(promotion, given, nanos))]));
    await use(-10n);
    await expect(use(11n)).rejects.toMatchObject({ code: 'ACCOUNT_LIMIT' });
    await use(10n);
    expect(await books.within((manager) => manager.query('SELECT balance FROM billing.accounts WHERE id = $1', [accountId(given)]))).toEqual([{ balance: '0' }]);
  });
});
