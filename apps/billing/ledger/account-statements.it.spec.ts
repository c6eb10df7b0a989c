import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { AccountStatementsRpc } from './account-statements.rpc.js';
import { margin, payable, receivable } from './chart-of-accounts.js';
import { LedgerStore } from './ledger.store.js';
import { move, transfer } from './transfer.js';


describe('the statement of an account', () => {
  let books: Books;
  let tenant: string;

  /** Answers when it was posted, by the clock of the database; the next one is later. */
  const post = async (nanos: bigint): Promise<number> => {
    const id = books.ids.uuid();
    await books.within((manager) => books.get(LedgerStore).post(manager, [transfer(id, 'charge', tenant, [...move(payable(tenant, '0x1'), receivable(tenant), nanos - 1n), ...move(margin, receivable(tenant), 1n)])]));
    const [row] = await books.within((manager) => manager.query<{ at: string }[]>('SELECT pg_sleep(0.005), floor(extract(epoch FROM posted_at) * 1000) + 1 AS at FROM billing.transfers WHERE id = $1', [id]));
    return Number(row!.at);
  };
  const statement = (fromMs: number, toMs: number, over: { code?: string; tenant?: string | null; after?: string; limit?: number; currency?: string } = {}) =>
    books.get(AccountStatementsRpc).statement({ tenant: over.tenant === undefined ? tenant : over.tenant, code: over.code ?? receivable(tenant).code, currency: over.currency ?? 'USD', fromMs, toMs, after: over.after, limit: over.limit ?? 50 });

  beforeAll(async () => {
    books = await openBooks();
    tenant = books.ids.uuid();
  });
  afterAll(() => books.close());

  it('says what was in it at any time, and what was posted in between, page by page', async () => {
    const times: number[] = [];
    for (const nanos of [10n, 20n, 30n, 40n]) times.push(await post(nanos));
    const [first, second, third, last] = times as [number, number, number, number];
    const [before, later] = [first - 60_000, last + 60_000];
    const whole = await statement(before, later);
    expect([whole.openingNanos, whole.closingNanos, whole.data.map(({ amountNanos }) => amountNanos), whole.next]).toEqual([0n, 100n, [10n, 20n, 30n, 40n], null]);
    const middle = await statement(first, third);
    expect([middle.openingNanos, middle.closingNanos, middle.data.map(({ amountNanos }) => amountNanos)]).toEqual([10n, 60n, [20n, 30n]]);
    expect([(await statement(second, second + 1)).openingNanos, (await statement(before, first - 30_000)).closingNanos]).toEqual([30n, 0n]);
    const page = await statement(before, later, { limit: 3 });
    const rest = await statement(before, later, { limit: 3, after: page.next! });
    expect([...page.data, ...rest.data]).toEqual(whole.data);
    expect([page.openingNanos, rest.next]).toEqual([0n, null]);
  });

  it("shows an organisation its own accounts alone, and the deployment's to nobody else", async () => {
    const nowMs = (await post(5n)) + 60_000;
    const other = books.ids.uuid();
    await expect(statement(0, 1, { tenant: other })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(statement(0, 1, { code: margin.code })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(statement(0, 1, { currency: 'EUR' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const after of ['x', `7:${'-'.repeat(36)}`]) await expect(statement(0, 1, { after })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const ofDeployment = await statement(nowMs - 3_600_000, nowMs, { tenant: null, code: margin.code });
    expect([ofDeployment.openingNanos, ofDeployment.closingNanos, ofDeployment.data.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)]).toEqual([0n, -BigInt(ofDeployment.data.length), ofDeployment.closingNanos]);
    expect(ofDeployment.data.length).toBeGreaterThan(0);
    const list = (whose: string | null, after?: string, limit = 50) => books.get(AccountStatementsRpc).list({ tenant: whose, after, limit });
    const own = await list(tenant);
    expect(own.data.map(({ code }) => code)).toEqual([payable(tenant, '0x1').code, receivable(tenant).code]);
    const first = await list(tenant, undefined, 1);
    expect([first.hasMore, (await list(tenant, `${first.data[0]!.code} USD`)).data]).toEqual([true, own.data.slice(1)]);
    expect([(await list(other)).data, (await list(null)).data.map(({ code }) => code)]).toEqual([[], ['margin']]);
  });
});
