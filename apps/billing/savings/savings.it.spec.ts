import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chargeOf } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { admittedFacts, changePrice, completedFacts, joinNode, logged, openMarket, recordOf } from '../records-harness.js';
import type { Market } from '../records-harness.js';
import { SavingsRpc } from './savings.rpc.js';

const actor = { keyId: null, tenant: null };
const startMs = Date.parse('2026-09-01');


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
  });
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
    expect(await logged(books, 'baselines.set')).toMatchObject([{ fields: { keyId: null, tableHash: put.hash, models: 1, meterPrices: put.table.meterPrices!.length } }, { fields: { tableHash: cheap.hash, prices: 1 } }]);
    expect(await report()).toMatchObject({ verdict: 'cheaper', baselineNanos: 500_000_000n, beside: [{ what: 'gas', nanos: null }, {}] });
  });

  it('tells what was measured otherwise from tokens, each with what was paid for it, and what failed from work', async () => {
    const media = await openMarket(books, 10n ** 12n);
    const node = await joinNode(books, 0n);
    const dated = async (prices: object) => ({ ...node, price: await changePrice(books, node.offer, { inputNanosPerMillion: 3_000_000n, outputNanosPerMillion: 5_000_000n, ...prices }) });
    const lease = await media.acquire('g', 10n ** 10n);
    const use = async (by: typeof node, usage: { inputTokens: number; outputTokens: number; meters?: object }, outcome: 'ok' | 'failed' = 'ok'): Promise<void> => {
      const admitted = admittedFacts(books.ids, media, lease, by, { admittedAtMs: startMs + 5, holdNanos: 10n ** 9n });
      await media.book(recordOf(admitted), recordOf(completedFacts(admitted, by, 0, { usage, outcome, chargeNanos: outcome === 'failed' ? 0n : chargeOf(usage, by.price) })));
    };
    const cachedIsDearer = await dated({});
    await use(cachedIsDearer, { inputTokens: 1_001, outputTokens: 7, meters: { cached_tokens: 900 } });
    await use(await dated({ meters: { cached_tokens: 1_000_000n, images: 40_000_000n, gpu_ms: 300_000n } }), { inputTokens: 10, outputTokens: 0, meters: { cached_tokens: 4, images: 2, gpu_ms: 36_000 } });
    await use(cachedIsDearer, { inputTokens: 5_000, outputTokens: 50 }, 'failed');
    const models = [{ model: 'm', provider: 'OpenAI', baseline: 'gpt-5-nano', region: 'global', isSame: false, note: 'another model' }, { model: 'm', meter: 'gpu_ms' as const, provider: 'AWS', baseline: 'L4 (g6.xlarge)', region: 'us-east-1', isSame: true, note: 'the same card' }];
    await books.get(SavingsRpc).put({ actor, models, coin: null });
    const found = await report(media.tenant);
    // Of 1,001 tokens of input at 3 nanos 101 were not cached, of 10 six.
    expect(found.rows.map(({ meter, inputTokens, outputTokens, quantity, paidNanos, baselineNanos, verdict }) => [meter, inputTokens, outputTokens, quantity, paidNanos, baselineNanos, verdict])).toEqual([
      [undefined, 107, 7, undefined, 303n + 35n + 18n, 5_350n + 2_800n, 'cheaper'],
      ['cached_tokens', 0, 0, 904, 2_700n + 4n, 4_520n, 'cheaper'],
      ['images', 0, 0, 2, 80_000_000n, null, 'no_baseline'],
      ['gpu_ms', 0, 0, 36_000, 10_800_000n, 8_048_000n, 'dearer'],
    ]);
    expect(found).toMatchObject({ paidNanos: 356n + 2_704n + 10_800_000n, baselineNanos: 8_150n + 4_520n + 8_048_000n, uncomparedNanos: 80_000_000n, verdict: 'dearer' });
    expect(found.caveats).toContain('No comparison: 2 images, for 0.08 USD. Without a price in the table that work is in neither sum.');
  });

  it('counts a request that two machines were asked as one piece of work, paid for twice', async () => {
    const hasty = await openMarket(books, 10n ** 12n);
    const node = await joinNode(books, 3_000_000n);
    const lease = await hasty.acquire('g', 10n ** 10n);
    type End = readonly [tokens: number, outcome: 'ok' | 'cancelled' | 'failed'];
    const ask = async ([first, second]: readonly [End, End?]): Promise<void> => {
      const admitted = admittedFacts(books.ids, hasty, lease, node, { admittedAtMs: startMs + 5 });
      const copy = admittedFacts(books.ids, hasty, lease, node, { admittedAtMs: startMs + 9, hedgeOf: admitted.record });
      const ended = (facts: typeof admitted, [tokens, outcome]: End) => [recordOf(facts), recordOf(completedFacts(facts, node, tokens, { outcome, ...(outcome === 'failed' && { chargeNanos: 0n }) }))];
      await hasty.book(...(second ? ended(copy, second) : []), ...ended(admitted, first));
    };
    const models = [{ model: 'm', provider: 'OpenAI', baseline: 'text-embedding-3-small', region: 'global', isSame: false, note: 'another embedding model' }];
    await books.get(SavingsRpc).put({ actor, models, coin: null });
    const row = async () => (await report(hasty.tenant)).rows.map(({ requests, inputTokens, paidNanos }) => [requests, inputTokens, paidNanos]);
    await ask([[1_000, 'ok']]);
    const alone = [1, 1_000, 3_000n];
    expect(await row()).toEqual([alone]);
    await ask([[500, 'ok'], [500, 'ok']]);
    expect(await row()).toEqual([[2, 1_500, 3_000n + 3_000n]]);
    // The first one was the slower, cancelled when 40 were made; then the other way round; then one failed, and there is no second work to take off.
    await ask([[40, 'cancelled'], [200, 'ok']]);
    await ask([[70, 'ok'], [30, 'cancelled']]);
    expect(await row()).toEqual([[4, 1_500 + 200 + 70, 3n * (1_000n + 1_000n + 240n + 100n)]]);
    await ask([[900, 'failed'], [10, 'cancelled']]);
    expect(await row()).toEqual([[6, 1_770 + 10, 3n * (2_340n + 10n)]]);
  });

  it('is of one organisation alone, and the tables of before stay', async () => {
    expect(await report(books.ids.uuid())).toMatchObject({ rows: [], verdict: 'no_baseline' });
    await expect(books.within((manager) => manager.query('DELETE FROM billing.baseline_tables'))).rejects.toThrow(/permission denied/);
    await expect(books.get(SavingsRpc).report({ tenant: market.tenant, fromMs: 2, toMs: 2 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
