import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { machineMeters } from '#kernel';
import { costCalls, limits } from '#protocol';
import type { AdmittedFacts, CostLine, ReplyOf, UsageBucket, UsageGroup } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import type { Lease } from '../leases/leases.service.js';
import { admittedFacts, changePrice, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { UsageRpc } from './usage.rpc.js';

const noonMs = Date.parse('2026-01-31T12:00:00Z');
const hourMs = 3_600_000;
/** What nats-server is set to. */
const busBytesMax = 1_048_576;
const sizeOf = (reply: unknown): number => Buffer.byteLength(JSON.stringify(reply));

describe('usage', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;
  const [key, otherKey] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books, 1_500_000n);
  });
  beforeEach(async () => {
    market = await openMarket(books, 10n ** 9n);
    lease = await market.acquire('gateway-1', 10n ** 8n);
  });
  afterAll(() => books.close());

  /** As many and as long as a request may have. Hashes, since what repeats itself is compressed. */
  const longTags = (seed = ''): string[] => Array.from({ length: limits.tagsMax }, (_, tag) => `cost:${Array.from({ length: 6 }, (_each, part) => createHash('sha512').update(`${seed} ${tag} ${part}`).digest('base64url')).join('')}`.slice(0, limits.headerValueCharsMax));
  const admitted = (endMs: number, over: Partial<AdmittedFacts> = {}): AdmittedFacts => admittedFacts(books.ids, market, lease, node, { keyId: key, admittedAtMs: endMs - 50, ...over });
  const booked = async (tokens: number, endMs: number, over: Partial<AdmittedFacts> = {}): Promise<void> => {
    const facts = admitted(endMs, over);
    await market.book(recordOf(facts), recordOf(completedFacts(facts, node, tokens)));
  };
  const usage = async (width: '1h' | '1d' | '1mo', groupBy: UsageGroup[] = [], over: object = {}, tenant = market.tenant): Promise<UsageBucket[]> =>
    (await books.get(UsageRpc).list({ tenant, fromMs: noonMs - hourMs, toMs: noonMs + 30 * hourMs, width, groupBy, projects: [], keys: [], models: [], tags: [], limit: 100, ...over })).buckets;
  const sums = (buckets: UsageBucket[]) => buckets.flatMap((bucket) => bucket.sums);

  it('is summed by hour, by day and by month of UTC, wherever the end of a request falls', async () => {
    await booked(10, noonMs - 1);
    await booked(20, noonMs);
    await booked(30, noonMs + 12 * hourMs);
    const hours = (await usage('1h')).filter((bucket) => bucket.sums.length > 0);
    expect(hours.map(({ fromMs, sums: [sum] }) => [(fromMs - noonMs) / hourMs, sum!.inputTokens])).toEqual([[-1, 10], [0, 20], [12, 30]]);
    expect(sums(await usage('1d')).map(({ inputTokens, requests, amountNanos }) => [inputTokens, requests, amountNanos])).toEqual([[30, 2, 45n], [30, 1, 45n]]);
    expect((await usage('1mo')).map((bucket) => [new Date(bucket.fromMs).toISOString(), bucket.sums[0]?.inputTokens])).toEqual([['2026-01-01T00:00:00.000Z', 30], ['2026-02-01T00:00:00.000Z', 30]]);
  });

  it('is attributed to project, key, model and tag, and found by each of them', async () => {
    await booked(10, noonMs, { model: 'small', costTags: ['cost:team=red'] });
    await booked(20, noonMs, { keyId: otherKey, costTags: ['cost:team=red', 'cost:pilot'] });
    await booked(40, noonMs);
    const by = async (group: UsageGroup, over = {}): Promise<[string | null, number][]> => sums(await usage('1d', [group], over)).map((sum) => [sum.project ?? sum.keyId ?? sum.model ?? sum.tag, sum.inputTokens]);
    expect(await by('project_id')).toEqual([[market.project, 70]]);
    expect(await by('api_key_id')).toEqual([[key, 50], [otherKey, 20]]);
    expect(await by('model')).toEqual([['m', 60], ['small', 10]]);
    expect(await by('tag')).toEqual([['cost:pilot', 20], ['cost:team=red', 30], [null, 40]]);
    expect(await by('model', { keys: [otherKey] })).toEqual([['m', 20]]);
    expect(await by('model', { tags: ['cost:team=red'], models: ['small'] })).toEqual([['small', 10]]);
    expect(await by('model', { projects: [books.ids.uuid()] })).toEqual([]);
  });

  it('is counted once, whatever the order and however often the records come, and learns its key and tags late', async () => {
    const facts = admitted(noonMs, { costTags: ['cost:late'] });
    const end = recordOf(completedFacts(facts, node, 7));
    await market.book(end, end);
    expect(sums(await usage('1d', ['api_key_id', 'tag']))).toMatchObject([{ keyId: null, tag: null, requests: 1, inputTokens: 7 }]);
    await market.book(recordOf(facts));
    await market.book(recordOf(facts), end, recordOf(facts));
    expect(sums(await usage('1d', ['api_key_id', 'tag']))).toMatchObject([{ keyId: key, tag: 'cost:late', requests: 1, inputTokens: 7, amountNanos: 11n }]);
  });

  it('is the sum of the charges also when two writers book overlapping batches at once', async () => {
    const records = Array.from({ length: 60 }, (_, index) => admitted(noonMs + (index % 3) * hourMs, { keyId: index % 2 === 0 ? key : otherKey })).flatMap((facts) => [recordOf(completedFacts(facts, node, 2)), recordOf(facts)]);
    await Promise.all([market.book(...records), market.book(...[...records].reverse()), market.book(...records.slice(50)), market.book(...records.slice(0, 90))]);
    expect(sums(await usage('1mo'))).toMatchObject([{ requests: 60, inputTokens: 120, amountNanos: 180n }]);
    expect(await books.faults()).toEqual([]);
  });

  it('is counted under as many and as long tags as a request may have', async () => {
    const costTags = longTags();
    for (const tokens of [10, 20]) {
      const facts = admitted(noonMs, { costTags });
      await market.book(recordOf(facts), recordOf(completedFacts(facts, node, tokens, { usage: { inputTokens: tokens, outputTokens: 0, meters: { images: 1 } } })));
    }
    expect(sums(await usage('1d', [], { tags: [costTags.at(-1)] }))).toMatchObject([{ requests: 2, inputTokens: 30, meters: { images: 2 } }]);
    const rows = (table: string) => books.within((manager) => manager.query(`SELECT count(*)::int AS rows FROM billing.${table} WHERE tenant = $1`, [market.tenant]));
    expect([await rows('usage_hours'), await rows('usage_meters')]).toEqual([[{ rows: 1 }], [{ rows: 1 }]]);
  });

  it('has fewer buckets in a page where tags are long, and says where the next begins', async () => {
    const facts = Array.from({ length: 48 }, (_, index) => admitted(noonMs + (index % 4) * hourMs, { costTags: longTags(`${index}`) }));
    await market.book(...facts.flatMap((one) => [recordOf(one), recordOf(completedFacts(one, node, 2))]));
    const found: UsageBucket[] = [];
    const asked = { tenant: market.tenant, toMs: noonMs + 4 * hourMs, width: '1h' as const, groupBy: ['tag' as const], projects: [], keys: [], models: [], tags: [], limit: 100 };
    for (let next: number | null = noonMs; next !== null; ) {
      const page: ReplyOf<typeof costCalls.listUsage> = await books.get(UsageRpc).list({ ...asked, fromMs: next });
      expect(sizeOf(costCalls.listUsage.reply.encode(page))).toBeLessThan(busBytesMax);
      found.push(...page.buckets);
      next = page.nextMs;
    }
    expect(found.map(({ fromMs, sums: of }) => [(fromMs - noonMs) / hourMs, of.length])).toEqual([0, 1, 2, 3].map((hour) => [hour, 12 * limits.tagsMax]));
    const whole = { ...asked, fromMs: noonMs, width: '1d' as const };
    await expect(books.get(UsageRpc).list(whole)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('is paged by bucket and hidden from another tenant', async () => {
    await booked(10, noonMs);
    const page = await books.get(UsageRpc).list({ tenant: market.tenant, fromMs: noonMs - 2 * hourMs, toMs: noonMs + hourMs, width: '1h', groupBy: [], projects: [], keys: [], models: [], tags: [], limit: 2 });
    expect(page).toMatchObject({ nextMs: noonMs, buckets: [{ sums: [] }, { sums: [] }] });
    expect(sums(await usage('1d', [], {}, books.ids.uuid()))).toEqual([]);
  });

  describe('as lines of cost', () => {
    const lines = async (tenant = market.tenant, seen: (page: ReplyOf<typeof costCalls.listCostLines>) => void = () => undefined): Promise<CostLine[]> => {
      const found: CostLine[] = [];
      for (let after: string | undefined; ; ) {
        const page = await books.get(UsageRpc).lines({ tenant, fromMs: noonMs, toMs: noonMs + 1, after });
        seen(page);
        found.push(...page.lines);
        if (page.next === null) return found;
        after = page.next;
      }
    };

    it('adds up to the charges to the nano: each request is rounded by itself, and what is not usage × price is named', async () => {
      await booked(1, noonMs);
      await booked(1, noonMs);
      const odd = admitted(noonMs);
      await market.book(recordOf(odd), recordOf(completedFacts(odd, node, 10, { chargeNanos: 100n })));
      const failed = admitted(noonMs);
      await market.book(recordOf(failed), recordOf(completedFacts(failed, node, 5, { outcome: 'failed', chargeNanos: 0n })));
      const found = await lines();
      expect(found.map(({ meter, quantity, amountNanos }) => [meter, quantity, amountNanos])).toEqual([['input_tokens', 12, 19n], ['difference', 0, 85n]]);
      expect(found[0]).toMatchObject({ dayMs: Date.parse('2026-01-31'), projectName: 'mail', tenantName: 'Rhein Bank', nodeName: 'node', model: 'm', keyId: key, priceNanos: 1_500_000n });
    });

    it('comes in pages that the bus takes, however long the tags, and a line is never split', async () => {
      const dated = { ...node, price: await changePrice(books, node.offer, { inputNanosPerMillion: 9n, outputNanosPerMillion: 9n, meters: Object.fromEntries(machineMeters.map((meter) => [meter, 9n])) }) };
      const usage = { inputTokens: 10, outputTokens: 10, meters: Object.fromEntries(machineMeters.map((meter) => [meter, 5])) };
      const facts = Array.from({ length: 12 }, (_, index) => admittedFacts(books.ids, market, lease, dated, { keyId: key, admittedAtMs: noonMs - 50, costTags: longTags(`${index}`).map((tag) => tag.replaceAll('A', '"')) }));
      await market.book(...facts.flatMap((one) => [recordOf(one), recordOf(completedFacts(one, dated, 0, { usage, chargeNanos: 10_000n }))]));
      const pages: number[] = [];
      const found = await lines(market.tenant, (page) => pages.push(sizeOf(costCalls.listCostLines.reply.encode(page))));
      expect(pages.length).toBeGreaterThan(1);
      expect(Math.max(...pages)).toBeLessThan(busBytesMax);
      expect(new Set(found.map(({ tags, meter }) => `${tags[0]} ${meter}`)).size).toBe(12 * 9);
      expect(found).toHaveLength(12 * 9);
      expect(found.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(120_000n);
    });

    it('comes in pages without loss or repetition, and to its own tenant only', async () => {
      const facts = Array.from({ length: 320 }, (_, index) => admitted(noonMs, { costTags: [`cost:n=${index}`] }));
      await market.book(...facts.flatMap((one) => [recordOf(one), recordOf(completedFacts(one, node, 2))]));
      const found = await lines();
      expect(new Set(found.map(({ tags }) => tags[0])).size).toBe(320);
      expect(found).toHaveLength(320);
      expect(found.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(960n);
      expect(await lines(books.ids.uuid())).toEqual([]);
    });
  });
});
