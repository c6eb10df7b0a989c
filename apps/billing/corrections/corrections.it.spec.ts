import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { chargeOf } from '#protocol';
import type { Usage } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { ClosesService } from '../closes/closes.service.js';
import { forfeitAdjustmentId } from '../holdbacks/holdback-transfers.js';
import { HoldbacksRpc } from '../holdbacks/holdbacks.rpc.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { InvoiceRun } from '../invoices/invoice-run.service.js';
import { InvoicesRpc } from '../invoices/invoices.rpc.js';
import { InvoicesService } from '../invoices/invoices.service.js';
import { PartiesRpc } from '../invoices/parties.rpc.js';
import { admittedFacts, changePrice, completedFacts, joinNode, logged, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { CorrectionsRpc } from './corrections.rpc.js';

const dayMs = 86_400_000;

describe('a correction of usage', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  const actor = { keyId: '00000000-0000-4000-8000-0000000000aa', tenant: null };

  const use = async (usage: Usage, hasAdmission = true, by = node): Promise<string> => {
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', 10n ** 9n), by, { holdNanos: 10n ** 9n, admittedAtMs: books.clock.nowMs() });
    const facts = completedFacts(admitted, by, 0, { usage, chargeNanos: chargeOf(usage, by.price), receipt: signedBy(by, admitted, 0, { usage }) });
    await market.book(...(hasAdmission ? [recordOf(admitted)] : []), recordOf(facts));
    books.outside.log(facts);
    return admitted.record;
  };
  const tokens = (inputTokens: number, outputTokens = 0): Usage => ({ inputTokens, outputTokens });
  const correct = (record: string, usage: Usage, over: { id?: string; reason?: string; tenant?: string } = {}) => books.get(CorrectionsRpc).correct({ actor, tenant: market.tenant, id: books.ids.uuid(), record, usage, reason: 'the engine counted twice', ...over });
  const balance = async (code: string): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1', [code]));
    return BigInt(row?.balance ?? 0);
  };
  const used = async () => {
    const { buckets } = await books.get(UsageRpc).list({ tenant: market.tenant, fromMs: books.clock.nowMs() - dayMs, toMs: books.clock.nowMs() + dayMs, width: '1h', groupBy: [], projects: [], keys: [], models: [], tags: [], limit: 60 });
    return buckets.flatMap(({ sums }) => sums).map(({ requests, inputTokens, meters, amountNanos }) => [requests, inputTokens, meters?.images ?? 0, amountNanos]);
  };

  beforeAll(async () => {
    books = await openBooks({ BILLING_CLOSE_PATIENCE_MS: '400' });
  });
  beforeEach(async () => {
    market = await openMarket(books, 10n ** 15n);
    node = await joinNode(books, 2_000_000n);
  });
  afterEach(async () => {
    expect(await books.faults()).toEqual([]);
    const { number } = await books.get(ClosesService).run();
    // Other organisations here have no buyer.
    expect((await books.get(ClosesService).get(number)).named.filter(({ kind }) => kind !== 'usage_without_buyer')).toEqual([]);
  });
  afterAll(() => books.close());

  it('credits what was too much and charges what was too little, leaves the charge and what the machine earned, and shows in usage', async () => {
    const record = await use(tokens(1_000));
    const down = await correct(record, tokens(400));
    expect(down).toMatchObject({ record, amountNanos: -1_200n, usage: tokens(400) });
    expect([await balance(`receivable:${market.tenant}`), await balance(`payable:${market.tenant}:${node.payee}`), await used()]).toEqual([800n, -2_000n, [[1, 400, 0, 800n]]]);
    // By what is known by then, not by the charge.
    expect(await correct(record, tokens(700))).toMatchObject({ amountNanos: 600n });
    expect(await correct(record, tokens(700))).toMatchObject({ amountNanos: 0n });
    expect([await balance(`receivable:${market.tenant}`), await used()]).toEqual([1_400n, [[1, 700, 0, 1_400n]]]);
    expect(await correct(record, tokens(0))).toMatchObject({ amountNanos: -1_400n });
    expect([await balance(`receivable:${market.tenant}`), await used()]).toEqual([0n, [[1, 0, 0, 0n]]]);
    expect(await books.within((manager) => manager.query('SELECT input_tokens, amount_nanos FROM billing.charges WHERE record = $1', [record]))).toEqual([{ input_tokens: '1000', amount_nanos: '2000' }]);
    expect(await logged(books, 'usage.corrected', market)).toMatchObject([
      { id: down.id, fields: { record, keyId: actor.keyId, reason: 'the engine counted twice', usageBefore: tokens(1_000), usage: tokens(400), amountNanos: '-1200', currency: 'USD' } },
      { fields: { usageBefore: tokens(400), amountNanos: '600' } },
      {},
      {},
    ]);
    // Before it is invoiced no invoice is put right by it.
    const { lines } = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() });
    expect(lines.filter(({ meter }) => meter === 'correction').map(({ corrects }) => corrects)).toEqual([undefined, undefined, undefined]);
    await expect(books.within((manager) => manager.query('DELETE FROM billing.corrections'))).rejects.toThrow(/permission denied/);
  });

  it('is made once for its id, however often and by how many at once it is said, and is another one when it says something else', async () => {
    const record = await use(tokens(1_000));
    const id = books.ids.uuid();
    const all = await Promise.all([1, 2, 3, 4].map(() => correct(record, tokens(10), { id })));
    expect(all.map(({ amountNanos }) => amountNanos)).toEqual([-1_980n, -1_980n, -1_980n, -1_980n]);
    expect(await balance(`receivable:${market.tenant}`)).toBe(20n);
    await expect(correct(record, tokens(11), { id })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(correct(record, tokens(10), { id, reason: 'another' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    // Two that differ, at once: what is owed is by the one that came last, and in any order the sum of all is right.
    await Promise.all([correct(record, tokens(50)), correct(record, tokens(90))]);
    expect([100n, 180n]).toContain(await balance(`receivable:${market.tenant}`));
  });

  it('is refused for what is not charged, is of another organisation, or has not begun in the books', async () => {
    const [record, early] = [await use(tokens(1_000)), await use(tokens(5), false)];
    await expect(correct(books.ids.uuid(), tokens(1))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const other = await openMarket(books, 1n);
    await expect(correct(record, tokens(1), { tenant: other.tenant })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(correct(early, tokens(1))).rejects.toMatchObject({ code: 'RECORD_PENDING' });
    await expect(correct(record, tokens(10 ** 12, 10 ** 12))).resolves.toMatchObject({ amountNanos: expect.any(BigInt) as unknown });
    // Sums of usage stay integers that JSON has.
    for (const usage of [tokens(10 ** 12 + 1), tokens(0, Number.MAX_SAFE_INTEGER), { ...tokens(5), meters: { images: 10 ** 13 } }, { ...tokens(5), meters: { cached_tokens: 6 } }]) await expect(correct(record, usage)).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'usage' } });
    await expect(correct(forfeitAdjustmentId(record), tokens(1))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(correct(record, tokens(1), { id: forfeitAdjustmentId(record) })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'id' } });
    const dear = await joinNode(books, 2n ** 62n);
    const few = await use(tokens(0), true, dear);
    await expect(correct(few, tokens(10 ** 12))).rejects.toMatchObject({ code: 'AMOUNT_OVERFLOW' });
    expect((await books.get(CorrectionsRpc).list({ tenant: other.tenant, limit: 10 })).data).toEqual([]);
    const { data, hasMore } = await books.get(CorrectionsRpc).list({ tenant: market.tenant, limit: 1 });
    expect([data.map((one) => one.record), hasMore]).toEqual([[record], false]);
    expect(await books.within((manager) => manager.query('SELECT id FROM billing.corrections'), other.tenant)).toEqual([]);
  });

  it('never credits more than is owed, whether a refutation comes before it or after', async () => {
    await books.get(HoldbacksRpc).putRule({ actor, target: `node:${node.id}`, basisPoints: 10_000, holdMs: dayMs });
    const [refuted, corrected] = [await use(tokens(1_000)), await use(tokens(1_000))];
    await books.get(HoldbacksRpc).decide({ actor, record: refuted, passed: false, note: 'gibberish' });
    await expect(correct(refuted, tokens(999))).rejects.toMatchObject({ code: 'CONFLICT' });
    await correct(corrected, tokens(300));
    expect(await books.get(HoldbacksRpc).decide({ actor, record: corrected, passed: false, note: 'gibberish' })).toMatchObject({ forfeitedNanos: 600n });
    expect(await balance(`receivable:${market.tenant}`)).toBe(0n);
  });

  it('is by all meters, each at its own price', async () => {
    const price = await changePrice(books, node.offer, { inputNanosPerMillion: 2_000_000n, outputNanosPerMillion: 0n, meters: { images: 40_000n } });
    const record = await use({ ...tokens(10), meters: { images: 3 } }, true, { ...node, price });
    expect(await correct(record, { ...tokens(10), meters: { images: 1 } })).toMatchObject({ amountNanos: -80_000n });
    expect(await used()).toEqual([[1, 10, 1, 40_020n]]);
  });

  it('is a line of the next invoice and of the costs of its day, less or more, and the invoice of before stays', async () => {
    const seller = books.ids.uuid();
    await books.get(PartiesRpc).putSeller({ actor, id: seller, seller: { ...frankfurt, numberPrefix: `C${seller.slice(-6).toUpperCase()}` } });
    await books.get(PartiesRpc).putBuyer({ actor, tenant: market.tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null } });
    const month = (ms: number, add = 0): number => Date.UTC(new Date(ms).getUTCFullYear(), new Date(ms).getUTCMonth() + add);
    const [usd, startMs] = [1_000_000_000 / 2, books.clock.nowMs()];
    const record = await use(tokens(3 * usd));
    const invoices = books.get(InvoicesService);
    books.clock.advance(month(startMs, 1) + dayMs - startMs);
    const before = await invoices.issue(market.tenant, (await invoices.draft(market.tenant, month(startMs), month(startMs, 1))).id);
    expect(before.netMinor).toBe(300n);
    const correction = await correct(record, tokens(4 * usd), { reason: 'a part of the stream came late' });
    // Nothing else was used: what is charged further is invoiced all the same, by itself.
    books.clock.advance(month(startMs, 2) + dayMs - books.clock.nowMs());
    await books.get(InvoiceRun).runOnce();
    const [draft] = (await books.get(InvoicesRpc).list({ tenant: market.tenant, limit: 10, state: 'draft' } as never)).data;
    const issued = await invoices.issue(market.tenant, draft!.id);
    expect(issued.netMinor).toBe(100n);
    const { document } = (await books.get(InvoicesRpc).get({ tenant: market.tenant, id: issued.id })) as unknown as { document: { lines: { name: string; detail: string; netMinor: bigint }[] } };
    expect(document.lines).toEqual([expect.objectContaining({ name: 'Correction of usage', detail: expect.stringContaining('a part of the stream came late') as unknown, netMinor: 100n })]);
    expect(await balance(`receivable:${market.tenant}`)).toBe(0n);
    const { lines } = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() });
    expect(lines.filter(({ meter }) => meter === 'correction')).toMatchObject([{ dayMs: correction.madeAtMs - (correction.madeAtMs % dayMs), amountNanos: 1_000_000_000n, model: 'm', invoice: issued.number, corrects: before.number }]);
    expect(lines.flatMap(({ meter, corrects }) => (meter === 'correction' ? [] : [corrects ?? null])).every((of) => of === null)).toBe(true);
    expect((await books.get(InvoicesRpc).get({ tenant: market.tenant, id: before.id })).invoice).toMatchObject({ netMinor: 300n, documentHash: before.documentHash });
  });
});
