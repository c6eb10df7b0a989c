import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market } from '../records-harness.js';
import { SavingsRpc } from './savings.rpc.js';

const actor = { keyId: null, tenant: null };
const startMs = Date.parse('2026-09-01');

/** Other suites share the machine. */
jest.setTimeout(30_000);

describe('the report of what is saved', () => {
  let books: Books;
  let market: Market;
  const report = (tenant = market.tenant) => books.get(SavingsRpc).report({ tenant, fromMs: startMs, toMs: startMs + 86_400_000 });

  beforeAll(async () => {
    books = await openBooks();
    market = await openMarket(books, 10n ** 12n);
    // 24 US cents a million: dearer than the small embedding model of the built-in table.
    const node = await joinNode(books, 24_000_000n);
    const lease = await market.acquire('g', 10n ** 9n);
    for (const tokens of [300_000, 200_000]) {
      const admitted = admittedFacts(books.ids, market, lease, node, { admittedAtMs: startMs + 5 });
      await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, tokens)));
    }
  }, 60_000);
  afterAll(() => books.close());

  it('has no baseline until the operator says what a model is like', async () => {
    expect(await report()).toMatchObject({ tableFrom: 'built-in', verdict: 'no_baseline', rows: [{ model: 'm', requests: 2, inputTokens: 500_000, paidNanos: 12_000_000n, baseline: null }] });
  });

  it('compares with the table that was put last, gas included, and names it by its hash', async () => {
    const models = [{ model: 'm', provider: 'OpenAI', baseline: 'text-embedding-3-small', region: 'global', isSame: false, note: 'another embedding model' }];
    const coin = { nanosPerCoin: 3_000n * 10n ** 9n, asOf: '2026-09-01', source: 'a market' };
    books.outside.gasWei = 10n ** 12n;
    const put = await books.get(SavingsRpc).put({ actor, models, coin });
    expect(put).toMatchObject({ from: 'operator', table: { models, coin } });
    expect(put.table.prices.length).toBeGreaterThan(80);
    const found = await report();
    expect(found).toMatchObject({ tableHash: put.hash, tableFrom: 'operator', paidNanos: 15_000_000n, baselineNanos: 10_000_000n, verdict: 'dearer', rows: [{ verdict: 'dearer', isSame: false, baseline: { asOf: '2026-08-21' } }] });
    const cheap = await books.get(SavingsRpc).put({ actor, prices: [{ ...put.table.prices[0]!, provider: 'Own', model: 'x', inputNanosPerMillion: 10n ** 9n }], models: [{ ...models[0]!, provider: 'Own', baseline: 'x' }], coin: null });
    expect(cheap.hash).not.toBe(put.hash);
    expect(await report()).toMatchObject({ verdict: 'cheaper', baselineNanos: 500_000_000n, beside: [{ what: 'gas', nanos: null }, {}] });
  });

  it('is of one organisation alone, and the tables of before stay', async () => {
    expect(await report(books.ids.uuid())).toMatchObject({ rows: [], verdict: 'no_baseline' });
    await expect(books.within((manager) => manager.query('DELETE FROM billing.baseline_tables'))).rejects.toThrow(/permission denied/);
    await expect(books.get(SavingsRpc).report({ tenant: market.tenant, fromMs: 2, toMs: 2 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
