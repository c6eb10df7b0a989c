import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spendWatchEvents } from '#protocol';
import type { UnusualSpendFilter } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { openMarket } from '../records-harness.js';
import { usageKey } from '../usage/usage-statement.js';
import { SpendWatchRpc } from './spend-watch.rpc.js';
import { UnusualSpendWatch } from './unusual-spend-watch.service.js';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

describe('unusual spend', () => {
  let books: Books;

  /** So many dollars in each hour that ended `from` to `to` days ago. */
  const use = (tenant: string, project: string, usd: number, fromDay: number, toDay: number, model = 'm'): Promise<unknown> =>
    books.within((manager) =>
      manager.query(
        `INSERT INTO billing.usage_hours (tenant, hour_ms, project, key_id, model, endpoint, tags, requests, input_tokens, output_tokens, amount_nanos)
         SELECT $1, hour, $2, $2, $6, 'embeddings', '{}', 1, 1, 0, $3::bigint * 1000000000 FROM generate_series($4::bigint, $5::bigint - 1, ${hourMs}) AS hour
         ON CONFLICT (${usageKey}) DO UPDATE SET amount_nanos = EXCLUDED.amount_nanos`,
        [tenant, project, usd, books.clock.nowMs() - fromDay * dayMs, books.clock.nowMs() - toDay * dayMs, model],
      ),
    );
  const list = async (tenant: string, limit = 50, after?: string, filter: UnusualSpendFilter = {}) => books.get(SpendWatchRpc).listUnusual({ ...filter, tenant, limit, after });
  const watch = (): Promise<number> => books.get(UnusualSpendWatch).runOnce();

  beforeAll(async () => {
    books = await openBooks();
    books.clock.advance(12 * hourMs);
  });
  afterAll(() => books.close());

  it('is told once, of the project and of its organisation, with an entry of the log and an event, and to nobody else', async () => {
    const [market, quiet] = [await openMarket(books, 1n), await openMarket(books, 1n)];
    await use(market.tenant, market.project, 2, 40, 0);
    await use(quiet.tenant, quiet.project, 2, 40, 0);
    expect(await watch()).toBe(0);
    await use(market.tenant, market.project, 90, 0, -1 / 24);
    await Promise.all([watch(), watch(), watch()]);
    expect(await watch()).toBe(0);
    const found = (await list(market.tenant)).data;
    const hour = { window: 'hour', direction: 'above', fromMs: books.clock.nowMs(), spentNanos: 90_000_000_000n, usualNanos: 2_000_000_000n, spreadNanos: 0n, samples: 5 };
    expect(found.filter(({ window }) => window === 'hour').map(({ project }) => project ?? 'all').sort()).toEqual([market.project, 'all'].sort());
    expect(found.filter(({ window }) => window === 'hour')).toEqual([expect.objectContaining(hour), expect.objectContaining(hour)]);
    expect((await list(quiet.tenant)).data).toEqual([]);
    const [outbox] = await books.within((manager) =>
      manager.query<{ events: string; records: string }[]>(
        `SELECT count(*) FILTER (WHERE subject = $1) AS events, count(*) FILTER (WHERE subject = 'mizan.record.billing' AND payload LIKE '%spend.unusual%') AS records FROM billing.outbox WHERE payload LIKE '%' || $2 || '%'`,
        [spendWatchEvents.unusualSpend.subject, market.tenant],
      ),
    );
    expect(outbox).toEqual({ events: String(found.length), records: String(found.length) });
    const first = await list(market.tenant, 1);
    expect([first.hasMore, (await list(market.tenant, 50, first.data[0]!.id)).data]).toEqual([true, found.slice(1)]);
    const [hours, nowMs] = [found.filter(({ window }) => window === 'hour'), books.clock.nowMs()];
    expect((await list(market.tenant, 50, undefined, { project: market.project })).data).toEqual(found.filter(({ project }) => project === market.project));
    expect((await list(market.tenant, 50, undefined, { fromMs: nowMs, toMs: nowMs + 1 })).data).toEqual(hours);
    expect((await list(market.tenant, 50, undefined, { fromMs: nowMs + 1 })).data).toEqual([]);
    expect((await list(market.tenant, 50, undefined, { project: market.project, toMs: nowMs })).data).toEqual(found.filter(({ project, window }) => project === market.project && window === 'day'));
    expect(await books.within((manager) => manager.query('SELECT id FROM billing.unusual_spend WHERE tenant = $1', [market.tenant]), quiet.tenant)).toEqual([]);
  });

  it('is told of a model, where several are used and what all cost together is as ever', async () => {
    const market = await openMarket(books, 1n);
    for (const model of ['large', 'small']) await use(market.tenant, market.project, 50, 40, 0, model);
    expect(await watch()).toBe(0);
    await use(market.tenant, market.project, 95, 0, -1 / 24, 'large');
    await use(market.tenant, market.project, 5, 0, -1 / 24, 'small');
    await Promise.all([watch(), watch()]);
    const { data } = await list(market.tenant);
    expect(data.filter(({ window }) => window === 'hour')).toEqual([expect.objectContaining({ project: null, model: 'large', direction: 'above', spentNanos: 95_000_000_000n, usualNanos: 50_000_000_000n })]);
    expect(data.every(({ model }) => model === 'large')).toBe(true);
    expect(await watch()).toBe(0);
  });
});
