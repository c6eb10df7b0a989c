import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newPriceBook, priceHash, priceReplica } from '#protocol';
import type { OfferEntry, PriceRule } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { PayablesService } from '../payables/payables.service.js';
import { PayeeStatements } from '../payees/payee-statements.service.js';
import type { PriceVersion } from '../prices/price.js';
import { PricesStore } from '../prices/prices.store.js';
import { admittedFacts, changePrice, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { PriceBooksRpc } from './price-books.rpc.js';
import { priced, ruleOf } from './priced.js';
import { Reprice } from './reprice.service.js';

const dayMs = 86_400_000;


describe('a price book', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let one: { keyId: string; tenant: null };
  let other: { keyId: string; tenant: null };

  const rule = (markupBasisPoints: number, networkFeeBasisPoints = 0, over: Partial<PriceRule> = {}): PriceRule => ({ network: null, model: null, markupBasisPoints, networkFeeBasisPoints, ...over });
  const propose = (rules: PriceRule[], effectiveFromMs = books.clock.nowMs(), id = books.ids.uuid()) => books.get(PriceBooksRpc).propose({ actor: one, id, note: 'spring', effectiveFromMs, rules });
  const approve = ({ id, hash }: { id: string; hash: string }, actor: { keyId: string | null } = other) => books.get(PriceBooksRpc).approve({ actor: actor as never, id, hash });
  /** In force from now on, or then. */
  const publish = async (rules: PriceRule[], effectiveFromMs?: number) => {
    const book = await approve(await propose(rules, effectiveFromMs));
    await books.get(Reprice).runOnce();
    return book;
  };
  const inForce = async (offer = node.offer): Promise<PriceVersion> => (await books.within((manager) => books.get(PricesStore).inForce(manager, offer)))!;
  /** A request admitted and ended under a price version. */
  const use = async (price: PriceVersion, tokens: number): Promise<string> => {
    const of = { ...node, price };
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', BigInt(tokens) * 10n), of);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, of, tokens)));
    return admitted.record;
  };
  const balance = async (code: string): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1', [code]));
    return BigInt(row?.balance ?? 0);
  };

  beforeAll(async () => {
    books = await openBooks();
    [one, other] = [{ keyId: books.ids.uuid(), tenant: null }, { keyId: books.ids.uuid(), tenant: null }];
  });
  beforeEach(async () => {
    books.clock.advance(dayMs);
    market = await openMarket(books, 10n ** 15n);
    node = await joinNode(books, 2_000_000n);
  });
  afterEach(async () => expect(await books.faults()).toEqual([]));
  afterAll(() => books.close());

  it('says nothing until another person approves it as it is, once, and both are in the log', async () => {
    const proposed = await propose([rule(1_000)]);
    expect(await books.get(Reprice).runOnce()).toBe(0);
    await expect(approve(proposed, one)).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(approve(proposed, { keyId: null })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(approve({ ...proposed, hash: 'a'.repeat(64) })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(approve({ ...proposed, id: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const [first, second] = await Promise.all([approve(proposed), approve(proposed)]);
    expect([first, second]).toEqual([second, first]);
    expect(first).toMatchObject({ state: 'approved', proposedBy: one.keyId, approvedBy: other.keyId });
    await expect(approve(proposed, { keyId: books.ids.uuid() })).rejects.toMatchObject({ code: 'CONFLICT' });
    const entries = await books.within((manager) => manager.query<{ payload: string }[]>(`SELECT payload FROM billing.outbox WHERE payload LIKE '%price-book.%' AND payload LIKE '%' || $1 || '%' ORDER BY id`, [proposed.id]));
    expect(entries.map(({ payload }) => /price-book\.(proposed|approved)/.exec(payload)![1])).toEqual(['proposed', 'approved']);
  });

  it('is proposed once for an id, and refused without sense', async () => {
    const proposed = await propose([rule(1)]);
    expect(await propose([rule(1)], proposed.effectiveFromMs, proposed.id)).toEqual(proposed);
    await expect(propose([rule(2)], proposed.effectiveFromMs, proposed.id)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(books.within((manager) => manager.query('DELETE FROM billing.price_books'))).rejects.toThrow(/permission denied/);
    await expect(books.within((manager) => manager.query('UPDATE billing.price_books SET rules = $1', ['[]']))).rejects.toThrow(/permission denied/);
    for (const rules of [[rule(-1)], [rule(100_001)], [rule(1.5)], [rule(1), rule(2)], [rule(1, 0, { network: 'No' })], [rule(1, 0, { requestNanos: '0' as never })], [rule(1, 0, { cacheHitNanos: '0' as never })]]) expect(newPriceBook.safeParse({ note: 'n', effectiveFromMs: 0, rules }).success).toBe(false);
  });

  it('adds to what machines ask from its day on, to new machines too, and tells gateways', async () => {
    const startMs = books.clock.nowMs() + dayMs;
    const book = await publish([rule(1_000, 500)], startMs);
    expect((await inForce()).inputNanosPerMillion).not.toBe(2_300_000n);
    books.clock.advance(dayMs);
    await books.get(Reprice).runOnce();
    expect(await inForce()).toMatchObject({ inputNanosPerMillion: 2_300_000n, validFromMs: startMs, book: { book: book.id, askInputNanosPerMillion: 2_000_000n, networkFeeBasisPoints: 500, markupBasisPoints: 1_000 } });
    expect(await books.get(Reprice).runOnce()).toBe(0);
    const late = await joinNode(books, 1_000_000n);
    expect(late.price.inputNanosPerMillion).toBe(1_150_000n);
    expect(await changePrice(books, late.offer, { inputNanosPerMillion: 4_000_000n, outputNanosPerMillion: 0n })).toMatchObject({ inputNanosPerMillion: 4_600_000n, book: { askInputNanosPerMillion: 4_000_000n } });
    const [replica] = await books.within((manager) => manager.query<{ payload: string }[]>('SELECT payload FROM billing.outbox WHERE subject = $1 ORDER BY id DESC LIMIT 1', [`$KV.prices.${late.offer}`]));
    expect(priceReplica.value.parse(JSON.parse(replica!.payload))).toMatchObject({ inputNanosPerMillion: 4_600_000n, book: { book: book.id } });
  });

  it('approved after its day begins when it is approved: nothing is priced backwards', async () => {
    const proposed = await propose([rule(2_000)], 0);
    books.clock.advance(1_000);
    const nowMs = books.clock.nowMs();
    expect(await approve(proposed)).toMatchObject({ effectiveFromMs: nowMs, approvedAtMs: nowMs });
    await books.get(Reprice).runOnce();
    expect((await inForce()).validFromMs).toBe(nowMs);
  });

  it('never changes what an admitted request costs, nor what its machine earns', async () => {
    await publish([rule(0)]);
    const before = await inForce();
    books.clock.advance(1);
    await publish([rule(10_000)]);
    await use(before, 1_000);
    expect([await balance(`receivable:${market.tenant}`), await balance(`payable:${market.tenant}:${node.payee}`)]).toEqual([2_000n, -2_000n]);
  });

  it('divides each charge: the machine has what it asked, the network its fee, the deployment the rest', async () => {
    await publish([rule(1_000, 500)]);
    const [margin, fees] = [await balance('margin'), await balance('network-fee:unknown')];
    const record = await use(await inForce(), 1_000_000);
    expect(await balance(`receivable:${market.tenant}`)).toBe(2_300_000n);
    expect([await balance(`payable:${market.tenant}:${node.payee}`), (await balance('network-fee:unknown')) - fees, (await balance('margin')) - margin]).toEqual([-2_000_000n, -100_000n, -200_000n]);
    expect(await books.within((manager) => manager.query('SELECT amount_nanos, earned_nanos, network_fee_nanos FROM billing.charges WHERE record = $1', [record]))).toEqual([{ amount_nanos: '2300000', earned_nanos: '2000000', network_fee_nanos: '100000' }]);
    expect(await books.get(PayablesService).draw(books.ids.uuid(), market.tenant)).toMatchObject({ totalUnits: 2_000n });
    expect(await books.get(PayeeStatements).of({ payee: node.payee, tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + 1 })).toMatchObject({ earnedNanos: 2_000_000n, closingNanos: 0n });
    expect(await books.within((manager) => manager.query(`SELECT kind FROM billing.anomalies WHERE subject = $1`, [record]))).toEqual([]);
  });

  it('says what an answer that is given again costs: the deployment’s own, once, without a fee of the request, and no machine earns', async () => {
    await publish([rule(1_000, 500, { requestNanos: 700n, cacheHitNanos: 90n })]);
    const price = await inForce();
    expect(price).toMatchObject({ inputNanosPerMillion: 2_300_000n, meters: { cache_hits: 90n }, book: { askInputNanosPerMillion: 2_000_000n } });
    expect(price.book).not.toHaveProperty('askMeters');
    expect(price.hash).toBe(priceHash(price));
    const of = { ...node, price };
    const [margin, paid] = [await balance('margin'), await balance(`payable:${market.tenant}:${node.payee}`)];
    const decided = admittedFacts(books.ids, market, await market.acquire('g', 1_000n), of, { holdNanos: 90n });
    const ended = completedFacts(decided, of, 0, { outcome: 'reused', usage: { inputTokens: 0, outputTokens: 0, meters: { cache_hits: 1 } }, usageSource: 'none', chargeNanos: 90n, receipt: null, attempts: [] });
    const records = [recordOf(decided, 'reused'), recordOf(ended)];
    await market.book(...records);
    await market.book(...records.reverse());
    expect([await balance(`receivable:${market.tenant}`), (await balance(`payable:${market.tenant}:${node.payee}`)) - paid, (await balance('margin')) - margin]).toEqual([90n, 0n, -90n]);
    expect(await books.within((manager) => manager.query('SELECT kind FROM billing.anomalies WHERE subject = $1', [decided.record]))).toEqual([]);
    const { lines } = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + dayMs });
    expect(lines).toMatchObject([{ meter: 'cache_hits', quantity: 1, priceNanos: 90n, amountNanos: 90n }]);
    const [admission] = await books.within((manager) => manager.query<{ state: string }[]>('SELECT state FROM billing.admissions WHERE record = $1', [decided.record]));
    expect(admission).toEqual({ state: 'completed' });
  });

  it('adds what each request costs beside its tokens: the deployment’s own, a line of costs, and nothing where nothing was produced', async () => {
    await publish([rule(0, 0, { requestNanos: 700n })]);
    const price = await inForce();
    expect(price).toMatchObject({ inputNanosPerMillion: 2_000_000n, requestNanos: 700n, book: { requestNanos: 700n } });
    expect(price.hash).toBe(priceHash(price));
    const margin = await balance('margin');
    const records = [await use(price, 1_000), await use(price, 300)];
    expect([await balance(`receivable:${market.tenant}`), await balance(`payable:${market.tenant}:${node.payee}`), (await balance('margin')) - margin]).toEqual([4_000n, -2_600n, -1_400n]);
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', 10_000n), { ...node, price });
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, { ...node, price }, 0, { outcome: 'cancelled', usageSource: 'none', chargeNanos: 0n })));
    expect(await books.within((manager) => manager.query('SELECT kind FROM billing.anomalies WHERE subject = ANY($1)', [[...records, admitted.record]]))).toEqual([]);
    const { lines } = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + dayMs });
    const of = (wanted: string) => lines.filter(({ meter }) => meter === wanted).map(({ quantity, amountNanos }) => [quantity, amountNanos]);
    expect([lines.length, of('input_tokens').sort(([a], [b]) => Number(b) - Number(a)), of('requests')]).toEqual([4, [[1_000, 2_000n], [300, 600n]], [[1, 700n], [1, 700n]]]);
  });

  it('takes the narrowest rule, and prices again when the network becomes known', async () => {
    await publish([rule(100), rule(200, 0, { network: 'akash' }), rule(300, 0, { network: 'akash', model: 'm' })]);
    expect((await inForce()).book).toMatchObject({ markupBasisPoints: 100, network: null });
    books.offers.apply(node.offer, { network: 'akash' } as OfferEntry, 1);
    await books.get(Reprice).runOnce();
    expect((await inForce()).book).toMatchObject({ markupBasisPoints: 300, network: 'akash' });
    const rules = [rule(1), rule(2, 0, { network: 'a' }), rule(3, 0, { model: 'm' }), rule(4, 0, { network: 'a', model: 'm' })];
    expect([ruleOf(rules, 'm', 'a'), ruleOf(rules, 'm', 'b'), ruleOf(rules, 'n', 'a'), ruleOf(rules, 'n', undefined), ruleOf([], 'm', 'a')].map((found) => found?.markupBasisPoints)).toEqual([4, 3, 2, 1, undefined]);
    expect(priced({ inputNanosPerMillion: 2n ** 63n - 1n, outputNanosPerMillion: 0n }, { id: node.id, rules: [rule(1)] }, 'm', undefined).price.inputNanosPerMillion).toBe(2n ** 63n - 1n);
  });
});
