import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newSpendAlert, spendAlertsMax, spendWatchEvents } from '#protocol';
import type { LimitScope, SpendLimit } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { AlertWatch } from './alert-watch.service.js';
import { SpendAlerts } from './spend-alerts.service.js';

const dayMs = 86_400_000;
const actor = { keyId: null, tenant: null };
const thresholds = [
  { name: 'half', percent: 50 },
  { name: 'most', percent: 80 },
  { name: 'all of it', percent: 100 },
];

const byText = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1);

describe('alerts on spend', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let revision = 1;

  const spend = async (nanos: number, { atMs = books.clock.nowMs(), keyId = books.ids.uuid() } = {}): Promise<void> => {
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', BigInt(nanos)), node, { keyId, holdNanos: BigInt(nanos) });
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, nanos, { completedAtMs: atMs })));
  };
  const alerts = (): SpendAlerts => books.get(SpendAlerts);
  const put = (over: Partial<Parameters<SpendAlerts['put']>[0]> = {}) => alerts().put({ actor, tenant: market.tenant, scope: 'organisation', subject: market.tenant, period: 'day', amountNanos: 1_000n, thresholds, ...over });
  const watch = (): Promise<number> => books.get(AlertWatch).runOnce();
  const fired = async (tenant = market.tenant) => (await alerts().fired({ tenant, limit: 50 })).data.map(({ threshold, fromMs, spentNanos }) => [threshold.name, fromMs, spentNanos]);
  const published = async (subject: string): Promise<string[]> => (await books.within((manager) => manager.query<{ payload: string }[]>('SELECT payload FROM billing.outbox WHERE subject = $1 ORDER BY id', [subject]))).map(({ payload }) => payload).filter((payload) => payload.includes(market.tenant));
  const limit = (scope: LimitScope, subject: string, spendLimit: SpendLimit | null): void => {
    const rest = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null, models: null, cacheSeconds: null, semanticCache: null, hedge: null, answers: null, responseSeconds: null };
    books.limits.apply(subject, { ...rest, tenant: market.tenant, scope, subject, spend: spendLimit, changedAtMs: 1 }, (revision += 1));
  };
  const today = (): number => books.clock.nowMs() - (books.clock.nowMs() % dayMs);

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  });
  beforeEach(async () => {
    market = await openMarket(books, 1_000_000n);
  });
  afterAll(() => books.close());

  it('fire each threshold once in a period, however often and by how many it is looked for, with an entry of the log and an event', async () => {
    await put();
    await spend(499);
    expect(await watch()).toBe(0);
    await spend(301);
    await Promise.all([watch(), watch(), watch(), watch()]);
    await watch();
    // Who was first of the four is not said.
    expect((await fired()).sort(byText)).toEqual([
      ['half', today(), 800n],
      ['most', today(), 800n],
    ]);
    await spend(200);
    await watch();
    expect((await fired()).map(([name]) => name).sort(byText)).toEqual(['all of it', 'half', 'most']);
    const events = (await published(spendWatchEvents.alertFired.subject)).map((payload) => spendWatchEvents.alertFired.payload.parse(JSON.parse(payload)));
    expect(events.map(({ threshold, limitNanos, scope }) => [threshold.percent, limitNanos, scope]).sort(byText)).toEqual([100, 50, 80].map((percent) => [percent, 1_000n, 'organisation']));
    const records = (await published('mizan.record.billing')).filter((payload) => payload.includes('spend-alert.fired'));
    expect(records).toHaveLength(3);
    // What webhooks deliver is the entry with this id.
    for (const { id } of events) expect(records.some((payload) => payload.includes(id))).toBe(true);
  });

  it('begin anew with the next period, and still fire for the last one when its usage comes late', async () => {
    await put();
    const yesterday = today();
    books.clock.advance(dayMs);
    await spend(500);
    await watch();
    await spend(1_000, { atMs: yesterday + 1 });
    await watch();
    expect((await fired()).map(([name, fromMs]) => [name, fromMs]).sort(byText)).toEqual(
      [
        ['half', yesterday + dayMs],
        ['half', yesterday],
        ['most', yesterday],
        ['all of it', yesterday],
      ].sort(byText),
    );
  });

  it('of a project and a key count theirs alone, in all as well as in a period', async () => {
    const keyId = books.ids.uuid();
    await put({ scope: 'project', subject: market.project, period: 'total' });
    await put({ scope: 'key', subject: keyId, period: 'month', thresholds: [{ name: 'any', percent: 1 }] });
    await spend(600);
    await watch();
    expect((await fired()).map(([name]) => name)).toEqual(['half']);
    await spend(10, { keyId });
    await watch();
    expect(await fired()).toContainEqual(['any', Date.UTC(2026, 0), 10n]);
  });

  it('follow the hard limit of their subject and period, and a project its budget, and say nothing while there is none', async () => {
    await put({ amountNanos: null });
    await put({ amountNanos: null, scope: 'project', subject: market.project, period: 'total' });
    await spend(900);
    expect(await watch()).toBe(0);
    const states = new Map((await alerts().list(market.tenant)).map(({ scope, limitNanos, spentNanos, toMs }) => [scope, [limitNanos, spentNanos, toMs]]));
    expect([states.get('organisation'), states.get('project')]).toEqual([
      [null, 900n, today() + dayMs],
      [1_000_000n, 900n, null],
    ]);
    limit('organisation', market.tenant, { limitNanos: 1_000n, period: 'month' });
    expect(await watch()).toBe(0);
    limit('organisation', market.tenant, { limitNanos: 1_000n, period: 'day' });
    await watch();
    expect((await fired()).map(([name]) => name).sort(byText)).toEqual(['half', 'most']);
  });

  it('are made once by any number at the same time, and the same again changes nothing', async () => {
    const made = await Promise.all([put(), put(), put()]);
    const again = await put({ thresholds: [...thresholds].reverse() });
    expect(new Set([...made, again].map(({ id, changedAtMs }) => `${id} ${changedAtMs}`)).size).toBe(1);
    expect((await published('mizan.record.billing')).filter((payload) => payload.includes('spend-alerts.changed'))).toHaveLength(1);
    const changed = await put({ amountNanos: 2_000n });
    expect(changed).toMatchObject({ id: again.id, amountNanos: 2_000n });
  });

  it('belong to their organisation: another one sees and removes nothing', async () => {
    const alert = await put();
    await spend(1_000);
    await watch();
    const other = (await openMarket(books, 1n)).tenant;
    expect([await alerts().list(other), await fired(other)]).toEqual([[], []]);
    await expect(alerts().remove({ actor, tenant: other, id: alert.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const seen = await books.within((manager) => manager.query<{ n: string }[]>('SELECT (SELECT count(*) FROM billing.spend_alerts WHERE id = $1) + (SELECT count(*) FROM billing.fired_alerts WHERE alert = $1) AS n', [alert.id]), other);
    expect(seen).toEqual([{ n: '0' }]);
    expect(await alerts().remove({ actor, tenant: market.tenant, id: alert.id })).toMatchObject({ id: alert.id });
    expect([(await alerts().list(market.tenant)).length, (await fired()).length]).toEqual([0, 3]);
  });

  it('are refused for what is not theirs, without sense, or too many', async () => {
    await expect(put({ subject: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(put({ scope: 'project', subject: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const body = { scope: 'organisation', subject: market.tenant, period: 'day', amountNanos: '1', thresholds };
    expect(newSpendAlert.safeParse(body).success).toBe(true);
    for (const bad of [{ amountNanos: '0' }, { amountNanos: '-1' }, { amountNanos: '9223372036854775808' }, { thresholds: [] }, { thresholds: [thresholds[0], { name: 'half', percent: 60 }] }, { thresholds: [thresholds[0], { name: 'again', percent: 50 }] }, { thresholds: [{ name: 'no', percent: 0 }] }, { thresholds: [{ name: 'no', percent: 1.5 }] }, { period: 'year' }]) {
      expect(newSpendAlert.safeParse({ ...body, ...bad }).success).toBe(false);
    }
    await books.within((manager) => manager.query(`INSERT INTO billing.spend_alerts SELECT gen_random_uuid(), $1, 'key', gen_random_uuid(), 'day', 1, '[]', 0 FROM generate_series(1, ${spendAlertsMax})`, [market.tenant]));
    await expect(put()).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});
