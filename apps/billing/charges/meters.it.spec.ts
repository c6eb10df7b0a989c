import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { machineMeters, meterLines } from '#kernel';
import type { MeterNanos, MeterPrices } from '#kernel';
import { chargeOf, limits, priceChangeCalls, priceHash, priceReplica } from '#protocol';
import type { AdmittedFacts, CompletedFacts, CostLine, Usage, UsageSum } from '#protocol';
import { AdmissionSweeper } from '../admissions/admission-sweeper.service.js';
import { AgreementsRpc } from '../agreements/agreements.rpc.js';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { InvoicedChargesStore } from '../invoices/invoiced-charges.store.js';
import { PriceBooksRpc } from '../price-books/price-books.rpc.js';
import { Reprice } from '../price-books/reprice.service.js';
import type { PriceVersion } from '../prices/price.js';
import { PricesStore } from '../prices/prices.store.js';
import { ClaimsRpc } from '../receipts/claims.rpc.js';
import { ReceiptsService } from '../receipts/receipts.service.js';
import { admittedFacts, changePrice, completedFacts, joinNode, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { ChargesRpc } from './charges.rpc.js';

const dayMs = 86_400_000;
const nanos = fc.bigInt({ min: 0n, max: 9_000_000n });
const free: MeterPrices = { inputNanosPerMillion: 0n, outputNanosPerMillion: 0n };
const all = { inputNanosPerMillion: 2_000_000n, outputNanosPerMillion: 3_000_000n, meters: { cached_tokens: 700_001n, images: 40_000_000n, audio_ms: 100_003n, gpu_ms: 300_007n, frames: 11n, obh_milli: 9_999n } };


describe('work that is measured in more than tokens', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let one: { keyId: string; tenant: null };

  const put = async (prices: MeterPrices): Promise<PriceVersion> => changePrice(books, node.offer, prices);
  const admit = async (price: PriceVersion, over: Partial<AdmittedFacts> = {}): Promise<AdmittedFacts> => admittedFacts(books.ids, market, await market.acquire('g', 10n ** 12n), { ...node, price }, { holdNanos: 10n ** 12n, admittedAtMs: books.clock.nowMs(), deadlineMs: books.clock.nowMs() + limits.requestDeadlineMs, ...over });
  const ended = (admitted: AdmittedFacts, price: PriceVersion, usage: Usage, over: Partial<CompletedFacts> = {}): CompletedFacts => completedFacts(admitted, { ...node, price }, 0, { usage, chargeNanos: chargeOf(usage, price), ...over });
  const use = async (price: PriceVersion, usage: Usage): Promise<string> => {
    const admitted = await admit(price);
    await market.book(recordOf(admitted), recordOf(ended(admitted, price, usage)));
    return admitted.record;
  };
  const charge = (record: string) => books.get(ChargesRpc).get({ tenant: market.tenant, record });
  const costs = async (): Promise<CostLine[]> => {
    const found: CostLine[] = [];
    for (let after: string | undefined; ; ) {
      const page = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + dayMs, after });
      expect(page.lines.length).toBeLessThanOrEqual(600);
      found.push(...page.lines);
      if (page.next === null) return found;
      after = page.next;
    }
  };
  const sums = async (groupBy: ('api_key_id' | 'model')[] = []): Promise<UsageSum[]> =>
    (await books.get(UsageRpc).list({ tenant: market.tenant, fromMs: books.clock.nowMs() - dayMs, toMs: books.clock.nowMs() + dayMs, width: '1mo', groupBy, projects: [], keys: [], models: [], tags: [], limit: 10 })).buckets.flatMap((bucket) => bucket.sums);
  const anomalies = (...records: string[]) => books.within((manager) => manager.query('SELECT kind FROM billing.anomalies WHERE subject = ANY($1)', [records]));
  const balance = async (code: string): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1', [code]));
    return BigInt(row?.balance ?? 0);
  };

  beforeAll(async () => {
    books = await openBooks();
    one = { keyId: books.ids.uuid(), tenant: null };
  });
  beforeEach(async () => {
    books.progress.laggingSinceMs = undefined;
    market = await openMarket(books, 10n ** 15n);
    node = await joinNode(books, 0n);
  });
  afterAll(() => books.close());

  it('has a price by each meter, in its version, in its hash and in what gateways are told', async () => {
    const price = await put(all);
    expect(price).toMatchObject({ meters: all.meters, hash: priceHash({ ...all, offer: node.offer, currency: 'USD', validFromMs: price.validFromMs }) });
    expect(price.hash).not.toBe(priceHash({ ...price, meters: { ...all.meters, frames: 12n } }));
    expect(await books.within((manager) => books.get(PricesStore).inForce(manager, node.offer))).toEqual(price);
    const told = await books.within((manager) => manager.query<{ payload: string }[]>(`SELECT payload FROM billing.outbox WHERE payload LIKE '%' || $1 || '%' AND payload LIKE '%"obh_milli"%'`, [price.version]));
    expect(told.map(({ payload }) => priceReplica.value.safeDecode(JSON.parse(payload) as never).data?.meters).filter((meters) => meters !== undefined)).toEqual([all.meters]);
    // A price without meters says and hashes what it did before there were any.
    expect(await put({ ...free, meters: {} })).not.toHaveProperty('meters');
  });

  it('is refused a price that could not be reserved, or is of nothing that is known', async () => {
    await expect(put({ ...free, meters: { cached_tokens: 1n } })).rejects.toMatchObject({ code: 'AMOUNT_INVALID', message: expect.stringContaining('cached tokens are a part of the input') });
    await expect(put({ ...free, meters: { images: -1n } })).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
    const asked = { actor: one, offer: node.offer, inputNanosPerMillion: '0', outputNanosPerMillion: '0' };
    expect(priceChangeCalls.propose.request.safeDecode({ ...asked, id: node.offer, note: 'n', meters: { favours: '1' } } as never).error!.message).toContain('favours');
  });

  it('is charged, told and attributed line by line', async () => {
    const price = await put(all);
    const meters = { cached_tokens: 4, images: 2, audio_ms: 1_500, gpu_ms: 333, frames: 5, obh_milli: 250 };
    const record = await use(price, { inputTokens: 10, outputTokens: 2, meters });
    const amountNanos = 12n + 6n + 2n + 80_000_000n + 150_005n + 99_902n + 55n + 2_500n;
    expect(await charge(record)).toMatchObject({ inputTokens: 10, meters, amountNanos });
    expect(await anomalies(record)).toEqual([]);
    expect(await sums()).toMatchObject([{ requests: 1, inputTokens: 10, meters, amountNanos }]);
    expect((await costs()).map(({ meter, quantity, priceNanos, amountNanos: nanos }) => [meter, quantity, priceNanos, nanos])).toEqual([
      ['input_tokens', 6, 2_000_000n, 12n],
      ['output_tokens', 2, 3_000_000n, 6n],
      ['cached_tokens', 4, 700_001n, 2n],
      ['images', 2, 40_000_000n, 80_000_000n],
      ['audio_ms', 1_500, 100_003n, 150_005n],
      ['gpu_ms', 333, 300_007n, 99_902n],
      ['frames', 5, 11n, 55n],
      ['obh_milli', 250, 9_999n, 2_500n],
    ]);
  });

  it('costs the sum of its lines, by whichever prices: in the books and on the invoice as in the meter', async () => {
    const seeded = { seed: 20_260_101 };
    const pricesOf = fc.sample(fc.tuple(nanos, nanos, fc.record(Object.fromEntries(machineMeters.map((meter) => [meter, nanos])), { requiredKeys: [] }) as fc.Arbitrary<MeterNanos>), { ...seeded, numRuns: 6 });
    const usages = fc.sample(fc.record({ inputTokens: fc.nat(3_000), outputTokens: fc.nat(3_000), meters: fc.record(Object.fromEntries(machineMeters.map((meter) => [meter, fc.nat(meter === 'cached_tokens' ? 4_000 : 900)])), { requiredKeys: [] }) }, { requiredKeys: ['inputTokens', 'outputTokens'] }), { ...seeded, numRuns: 120 });
    const expected = new Map<string, [number, bigint]>();
    let total = 0n;
    for (const [index, [input, outputNanosPerMillion, { cached_tokens: cached, ...meters }]] of pricesOf.entries()) {
      const price = await put({ inputNanosPerMillion: input, outputNanosPerMillion, meters: { ...meters, ...(cached !== undefined && { cached_tokens: cached < input ? cached : input }) } });
      const records = [];
      for (const [n, usage] of usages.slice(index * 20, index * 20 + 20).entries()) {
        const admitted = await admit(price);
        const facts = ended(admitted, price, usage, n === 7 ? { outcome: 'failed', chargeNanos: 0n } : {});
        records.push(recordOf(admitted), recordOf(facts));
        if (n === 7) continue;
        total += facts.chargeNanos;
        for (const { meter, quantity, amountNanos } of meterLines(usage, price)) if (quantity > 0) expected.set(meter, [(expected.get(meter)?.[0] ?? 0) + quantity, (expected.get(meter)?.[1] ?? 0n) + amountNanos]);
      }
      await market.book(...records);
      expect(await anomalies(...records.map(({ id }) => id))).toEqual([]);
    }
    const invoiced = await books.within((manager) => books.get(InvoicedChargesStore).due(manager, market.tenant, 0, books.clock.nowMs() + dayMs));
    for (const lines of [await costs(), invoiced]) {
      const found = new Map<string, [number, bigint]>();
      for (const { meter, quantity, amountNanos } of lines) found.set(meter, [(found.get(meter)?.[0] ?? 0) + Number(quantity), (found.get(meter)?.[1] ?? 0n) + amountNanos]);
      expect(found).toEqual(expected);
      expect([...lines].reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(total);
    }
    expect(await balance(`receivable:${market.tenant}`)).toBe(total);
  });

  it('keeps the price that it was admitted under, whatever the price becomes', async () => {
    const before = await put({ ...free, meters: { images: 40n } });
    const admitted = await admit(before);
    await market.book(recordOf(admitted));
    await put({ ...free, meters: { images: 4_000n } });
    const facts = ended(admitted, before, { inputTokens: 0, outputTokens: 0, meters: { images: 3 } });
    await market.book(recordOf(facts));
    expect([await charge(admitted.record), await anomalies(admitted.record)]).toMatchObject([{ amountNanos: 120n, priceVersion: before.version }, []]);
  });

  it('is flagged where a charge is not what its meters come to', async () => {
    const price = await put({ ...free, meters: { images: 40n } });
    const admitted = await admit(price);
    await market.book(recordOf(admitted), recordOf(ended(admitted, price, { inputTokens: 0, outputTokens: 0, meters: { images: 3 } }, { chargeNanos: 160n })));
    expect(await anomalies(admitted.record)).toEqual([{ kind: 'charge_mismatch' }]);
    expect((await costs()).map(({ meter, amountNanos }) => [meter, amountNanos])).toEqual([['images', 120n], ['difference', 40n]]);
  });

  it('moves to its own key and model when its admission is heard of after its end', async () => {
    const price = await put({ ...free, meters: { audio_ms: 1_000n } });
    const admitted = await admit(price, { model: 'whisper' });
    await market.book(recordOf(ended(admitted, price, { inputTokens: 0, outputTokens: 0, meters: { audio_ms: 2_500 } })));
    expect(await sums(['api_key_id', 'model'])).toMatchObject([{ keyId: null, model: null, meters: { audio_ms: 2_500 } }]);
    await market.book(recordOf(admitted));
    expect(await sums(['api_key_id', 'model'])).toMatchObject([{ keyId: admitted.keyId, model: 'whisper', meters: { audio_ms: 2_500 }, amountNanos: 2_500n }]);
  });

  it('is paid by the receipt of a node where nobody recorded its end: GPU seconds, frames and OBh too', async () => {
    const price = await put({ ...free, meters: { gpu_ms: 1_000n, frames: 5n, obh_milli: 2_000n } });
    const admitted = await admit(price, { holdNanos: 5_000n });
    await market.book(recordOf(admitted));
    const usage = { inputTokens: 0, outputTokens: 0, meters: { gpu_ms: 1_500, frames: 8, obh_milli: 30 } };
    await books.get(ReceiptsService).take([{ node: node.id, sequence: 1, signed: signedBy({ ...node, price }, admitted, 0, { usage }) }]);
    books.clock.advance(limits.requestDeadlineMs + limits.admissionGraceMs + 1);
    await books.get(AdmissionSweeper).runOnce();
    const rows = await books.within((manager) => manager.query<{ payload: string }[]>(`SELECT payload FROM billing.outbox WHERE subject = 'mizan.record.billing' AND payload LIKE '%' || $1 || '%'`, [admitted.record]));
    expect(JSON.parse(rows.at(-1)!.payload)).toMatchObject({ records: [{ facts: { usage, usageSource: 'receipt', chargeNanos: '1600' } }] });
  });

  it('is a claim where the node signed other quantities than were charged', async () => {
    const price = await put({ ...free, meters: { images: 40n } });
    const admitted = await admit(price);
    await market.book(recordOf(admitted), recordOf(ended(admitted, price, { inputTokens: 0, outputTokens: 0, meters: { images: 3 } })));
    const sign = (images: number) => signedBy(node, admitted, 0, { usage: { inputTokens: 0, outputTokens: 0, meters: { images } } });
    await books.get(ReceiptsService).take([{ node: node.id, sequence: 1, signed: sign(4) }]);
    const claims = async () => (await books.get(ClaimsRpc).list({ state: 'open', limit: 1_000 })).data.filter(({ record }) => record === admitted.record);
    expect(await claims()).toMatchObject([{ reason: 'usage_differs', meters: { images: 4 } }]);
    await books.get(ReceiptsService).take([{ node: node.id, sequence: 2, signed: sign(3) }]);
    expect(await books.within((manager) => manager.query('SELECT state FROM billing.receipts WHERE record = $1 ORDER BY state', [admitted.record]))).toEqual([{ state: 'claim' }, { state: 'matched' }]);
  });

  it('counts to the discounts that a quote foresees', async () => {
    const ahead = () => books.get(AgreementsRpc).ahead({ tenant: market.tenant });
    const price = await put({ ...free, meters: { images: 40n } });
    expect(await ahead()).toEqual({ agreement: null, tiers: [], usedNanos: 0n });
    const month = new Date(books.clock.nowMs());
    const nextMs = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1);
    const id = books.ids.uuid();
    const tiers = [{ aboveNanos: 100n, basisPoints: 1_000 }];
    const { hash } = await books.get(AgreementsRpc).propose({ actor: one, tenant: market.tenant, id, note: 'a year', effectiveFromMs: nextMs, tiers, minimumNanos: null, fees: [] });
    await books.get(AgreementsRpc).approve({ actor: { ...one, keyId: books.ids.uuid() }, tenant: market.tenant, id, hash });
    await use(price, { inputTokens: 0, outputTokens: 0, meters: { images: 2 } });
    expect(await ahead()).toEqual({ agreement: null, tiers: [], usedNanos: 80n });
    books.clock.advance(nextMs - books.clock.nowMs());
    await use(price, { inputTokens: 0, outputTokens: 0, meters: { images: 1 } });
    expect(await ahead()).toEqual({ agreement: id, tiers, usedNanos: 40n });
  });

  // The book stays in force: whatever comes after it here is priced by it.
  it('is priced on top by a price book, of which the machine earns what it asks', async () => {
    await put({ ...free, meters: { images: 40n } });
    const id = books.ids.uuid();
    const { hash } = await books.get(PriceBooksRpc).propose({ actor: one, id, note: 'spring', effectiveFromMs: books.clock.nowMs(), rules: [{ network: null, model: null, networkFeeBasisPoints: 500, markupBasisPoints: 1_000, requestNanos: 7n }] });
    await books.get(PriceBooksRpc).approve({ actor: { ...one, keyId: books.ids.uuid() }, id, hash });
    await books.get(Reprice).runOnce();
    const price = (await books.within((manager) => books.get(PricesStore).inForce(manager, node.offer)))!;
    expect(price).toMatchObject({ meters: { images: 46n }, requestNanos: 7n, book: { askMeters: { images: 40n } } });
    const [fees, margin] = [await balance('network-fee:unknown'), await balance('margin')];
    await use(price, { inputTokens: 0, outputTokens: 0, meters: { images: 10 } });
    expect([await balance(`receivable:${market.tenant}`), await balance(`payable:${market.tenant}:${node.payee}`)]).toEqual([467n, -400n]);
    expect((await balance('network-fee:unknown')) - fees + ((await balance('margin')) - margin)).toBe(-67n);
    // A new ask is priced by the book too.
    expect(await put({ ...free, meters: { images: 80n } })).toMatchObject({ meters: { images: 92n }, book: { askMeters: { images: 80n } } });
  });
});
