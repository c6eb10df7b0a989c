import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newPriceChange } from '#protocol';
import type { NewPriceChange } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { PricesService } from '../prices/prices.service.js';
import type { PriceVersion } from '../prices/price.js';
import { PricesStore } from '../prices/prices.store.js';
import { admittedFacts, completedFacts, joinNode, logged, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { PriceChangesRpc } from './price-changes.rpc.js';
import { PriceChanges } from './price-changes.service.js';

const dayMs = 86_400_000;

describe('another price of an offer', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let one: { keyId: string; tenant: null };
  let other: { keyId: string; tenant: null };

  const propose = (over: Partial<NewPriceChange & { id: string }> = {}, actor: { keyId: string | null } = one) =>
    books.get(PriceChangesRpc).propose({ actor: actor as never, id: books.ids.uuid(), offer: node.offer, note: 'spring', inputNanosPerMillion: 5_000_000n, outputNanosPerMillion: 0n, effectiveFromMs: 0, ...over });
  const approve = ({ id, hash }: { id: string; hash: string }, actor: { keyId: string | null } = other) => books.get(PriceChangesRpc).approve({ actor: actor as never, id, hash });
  const inForce = (): Promise<PriceVersion | undefined> => books.within((manager) => books.get(PricesStore).inForce(manager, node.offer));

  beforeAll(async () => {
    books = await openBooks();
    [one, other] = [{ keyId: books.ids.uuid(), tenant: null }, { keyId: books.ids.uuid(), tenant: null }];
    market = await openMarket(books, 10n ** 12n);
  });
  beforeEach(async () => {
    books.clock.advance(1_000);
    node = await joinNode(books, 2_000_000n);
  });
  afterEach(async () => expect(await books.faults()).toEqual([]));
  afterAll(() => books.close());

  it('says nothing until another person approves it as it is, once, and both are in the log with the version that it became', async () => {
    const proposed = await propose();
    expect(proposed).toMatchObject({ state: 'proposed', proposedBy: one.keyId, approvedBy: null, version: null });
    await expect(approve(proposed, one)).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(approve(proposed, { keyId: null })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(propose({}, { keyId: null })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(approve({ ...proposed, hash: 'a'.repeat(64) })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(approve({ ...proposed, id: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await inForce()).toMatchObject({ version: node.price.version });
    const [first, second] = await Promise.all([approve(proposed), approve(proposed)]);
    expect(first).toEqual(second);
    const version = (await inForce())!;
    expect(first).toMatchObject({ state: 'applied', approvedBy: other.keyId, version: version.version, effectiveFromMs: books.clock.nowMs() });
    expect(version).toMatchObject({ inputNanosPerMillion: 5_000_000n, validFromMs: books.clock.nowMs() });
    await expect(approve(proposed, { keyId: books.ids.uuid() })).rejects.toMatchObject({ code: 'CONFLICT' });
    const of = async (type: 'price.proposed' | 'price.approved') => (await logged(books, type)).map(({ fields }) => fields as Record<string, unknown>).filter(({ change }) => change === proposed.id);
    expect(await of('price.proposed')).toEqual([{ change: proposed.id, hash: proposed.hash, offer: node.offer, note: 'spring', effectiveFromMs: 0, inputNanosPerMillion: '5000000', outputNanosPerMillion: '0', keyId: one.keyId }]);
    expect(await of('price.approved')).toEqual([{ change: proposed.id, hash: proposed.hash, effectiveFromMs: first.effectiveFromMs, keyId: other.keyId }]);
    expect((await logged(books, 'price.set')).at(-1)).toMatchObject({ id: version.version, fields: { keyId: other.keyId } });
  });

  it('begins on its day and never before its approval, and leaves what was admitted at its own price', async () => {
    const [past, later] = [await propose({ effectiveFromMs: 1 }), await propose({ inputNanosPerMillion: 9_000_000n, effectiveFromMs: books.clock.nowMs() + dayMs })];
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', 10_000n), node, { holdNanos: 10_000n });
    await market.book(recordOf(admitted));
    books.clock.advance(500);
    expect(await approve(past)).toMatchObject({ effectiveFromMs: books.clock.nowMs() });
    expect(await approve(later)).toMatchObject({ state: 'approved', version: null });
    expect(await books.get(PriceChanges).runOnce()).toBe(0);
    expect(await inForce()).toMatchObject({ inputNanosPerMillion: 5_000_000n });
    await market.book(recordOf(completedFacts(admitted, node, 1_000)));
    expect(await books.within((manager) => manager.query('SELECT amount_nanos FROM billing.charges WHERE record = $1', [admitted.record]))).toEqual([{ amount_nanos: '2000' }]);
    expect(await books.within((manager) => manager.query('SELECT kind FROM billing.anomalies WHERE subject = $1', [admitted.record]))).toEqual([]);
    books.clock.advance(dayMs);
    expect(await books.get(PriceChanges).runOnce()).toBe(1);
    expect(await books.get(PriceChanges).runOnce()).toBe(0);
    expect(await inForce()).toMatchObject({ inputNanosPerMillion: 9_000_000n, validFromMs: books.clock.nowMs() });
    const { data } = await books.get(PriceChangesRpc).list({ offer: node.offer, limit: 10 });
    expect(data.map(({ id, state }) => [id, state])).toEqual([past.id, later.id].sort().map((id) => [id, 'applied']));
  });

  it('of a machine that left the market is refused, and ends without a price where it was approved before', async () => {
    const [approved, waiting] = [await propose({ effectiveFromMs: books.clock.nowMs() + dayMs }), await propose()];
    await approve(approved);
    await books.within((manager) => books.get(PricesService).delist(manager, node.id));
    await expect(approve(waiting)).rejects.toMatchObject({ code: 'NODE_REVOKED' });
    await expect(propose()).rejects.toMatchObject({ code: 'NODE_REVOKED' });
    books.clock.advance(dayMs);
    expect(await books.get(PriceChanges).runOnce()).toBe(1);
    const { data } = await books.get(PriceChangesRpc).list({ offer: node.offer, limit: 10 });
    expect(data.find(({ id }) => id === approved.id)).toMatchObject({ state: 'withdrawn', version: null });
    expect(await inForce()).toBeUndefined();
  });

  it('is proposed once for an id, and refused without sense', async () => {
    const proposed = await propose();
    expect(await propose({ id: proposed.id })).toEqual(proposed);
    await expect(propose({ id: proposed.id, note: 'summer' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(propose({ offer: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const over of [{ inputNanosPerMillion: -1n }, { outputNanosPerMillion: 2n ** 63n }, { meters: { cached_tokens: 5_000_001n } }]) await expect(propose(over)).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
    const said = { offer: node.offer, note: 'n', inputNanosPerMillion: '1', outputNanosPerMillion: '1' };
    expect(newPriceChange.safeDecode(said as never).success).toBe(true);
    for (const bad of [{ note: '' }, { offer: 'x' }, { effectiveFromMs: -1 }, { inputNanosPerMillion: 'a' }, { meters: { favours: '1' } }]) expect(newPriceChange.safeDecode({ ...said, ...bad } as never).success).toBe(false);
    await expect(books.within((manager) => manager.query('UPDATE billing.price_changes SET said = $1', ['{}']))).rejects.toThrow(/permission denied/);
    await expect(books.within((manager) => manager.query('DELETE FROM billing.price_changes'))).rejects.toThrow(/permission denied/);
  });
});
