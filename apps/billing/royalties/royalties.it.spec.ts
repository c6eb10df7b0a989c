import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { royaltyUse } from '#protocol';
import type { RoyaltyShare } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { PayablesService } from '../payables/payables.service.js';
import { PayeesRpc } from '../payees/payees.rpc.js';
import { admittedFacts, completedFacts, joinNode, logged, newNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { RoyaltiesConsumer } from './royalties.consumer.js';
import { RoyaltiesRpc } from './royalties.rpc.js';

const [anna, ben] = [`0x${'Aa'.repeat(20)}`, `0x${'0b'.repeat(20)}`];
const actor = { keyId: null, tenant: null } as never;


describe('royalties', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;

  /** A request that cost `nanos`. */
  const earn = async (nanos: number, by = node): Promise<string> => {
    const lease = await market.acquire('g', BigInt(nanos));
    const admitted = admittedFacts(books.ids, market, lease, by);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, by, nanos, { chargeNanos: BigInt(nanos) })));
    return admitted.record;
  };
  const share = (owner: string, basisPoints: number, dataset = 'letters'): RoyaltyShare => ({ owner, basisPoints, dataset });
  const note = (record: string, shares: RoyaltyShare[], tenant = market.tenant, use = 'retrieval') => books.get(RoyaltiesRpc).note({ actor, record, tenant, use, shares });
  const tell = (record: string, shares: RoyaltyShare[], id = books.ids.uuid()) => books.get(RoyaltiesConsumer).onUsed({ record, tenant: market.tenant, use: 'retrieval', shares }, { id } as never);
  const owed = async (): Promise<Record<string, bigint>> => Object.fromEntries((await books.get(PayablesService).list(market.tenant)).map(({ payee, owedNanos }) => [payee, owedNanos]));

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  });
  beforeEach(async () => {
    market = await openMarket(books, 10n ** 12n);
  });
  afterAll(() => books.close());

  it('are taken from what the machine earned, in whole nanos that sum to the charge', async () => {
    const record = await earn(1_001);
    expect(await note(record, [share(anna, 250), share(ben, 1_000)])).toMatchObject({ chargeNanos: 1_001n, leftNanos: 876n, lines: [{ owner: ben, amountNanos: 100n, payer: node.payee }, { owner: anna.toLowerCase(), amountNanos: 25n }] });
    expect(await owed()).toEqual({ [node.payee]: 876n, [anna.toLowerCase()]: 25n, [ben]: 100n });
    expect(await books.faults()).toEqual([]);
  });

  it('are booked once, however often and in whatever order they are said; other ones of the record are refused and change nothing', async () => {
    const record = await earn(900);
    const first = await note(record, [share(anna, 5_000), share(ben, 1)]);
    const again = await Promise.all([note(record, [share(ben, 1), share(anna.toLowerCase(), 5_000)]), note(record, [share(anna, 5_000), share(ben, 1)])]);
    for (const answer of again) expect(answer).toEqual(first);
    const lines = [{ owner: ben, dataset: 'letters', basisPoints: 1, amountNanos: '0' }, { owner: anna.toLowerCase(), dataset: 'letters', basisPoints: 5_000, amountNanos: '450' }];
    expect(await logged(books, 'royalties.noted', market)).toEqual([{ id: record, fields: { actor, record, use: 'retrieval', dividedNanos: '900', payer: node.payee, lines } }]);
    await expect(note(record, [share(anna, 5_001), share(ben, 1)])).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(note(record, [share(anna, 5_000), share(ben, 1)], market.tenant, 'training')).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(await owed()).toEqual({ [node.payee]: 450n, [anna.toLowerCase()]: 450n });
    expect(await books.faults()).toEqual([]);
  });

  it('are drawn for the chain with everything else, and not given any more once the charge is drawn', async () => {
    const [shared, drawn] = [await earn(10_000), await earn(4_000)];
    await note(shared, [share(anna, 2_000)]);
    const { lines } = await books.get(PayablesService).draw(books.ids.uuid(), market.tenant);
    expect(Object.fromEntries(lines.map(({ payee, units }) => [payee, units]))).toEqual({ [node.payee]: 12n, [anna.toLowerCase()]: 2n });
    await expect(note(drawn, [share(ben, 100)])).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await note(shared, [share(anna, 2_000)])).lines).toHaveLength(1);
    expect(await books.faults()).toEqual([]);
  });

  it('wait for the charge, and for the payee of its machine', async () => {
    await expect(note(books.ids.uuid(), [share(anna, 1)])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const record = await earn(100);
    await expect(note(record, [share(anna, 1)], books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(note(await earn(100, newNode(books.ids)), [share(anna, 1)])).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await books.faults()).toEqual([]);
  });

  it('come as events too: once each, again until the charge is there, and what can never be booked is named', async () => {
    const record = await earn(100);
    const id = books.ids.uuid();
    await tell(record, [share(anna, 5_000)], id);
    await tell(record, [share(anna, 5_000)], id);
    await tell(record, [share(anna, 5_000)]);
    await expect(tell(books.ids.uuid(), [share(anna, 1)])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await tell(record, [share(anna, 6_000)]);
    expect(await owed()).toEqual({ [node.payee]: 50n, [anna.toLowerCase()]: 50n });
    expect(await books.within((manager) => manager.query('SELECT kind, tenant FROM billing.anomalies WHERE subject = $1', [record]))).toEqual([{ kind: 'royalty_refused', tenant: market.tenant }]);
  });

  it('stand in the statements of both sides, which end at what the ledger owes', async () => {
    await note(await earn(1_000), [share(anna, 2_000, 'letters'), share(anna, 1_000, 'poems')]);
    await note(await earn(1_000), [share(anna, 2_000, 'letters')]);
    const statement = (payee: string) => books.get(PayeesRpc).statement({ payee, tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + 1_000_000 });
    expect(await statement(anna)).toMatchObject({ earned: [], shared: [{ dataset: 'letters', with: node.payee, records: 2, amountNanos: 400n }, { dataset: 'poems', records: 1, amountNanos: 100n }], closingNanos: 500n });
    expect(await statement(node.payee)).toMatchObject({ earnedNanos: 2_000n, sharedNanos: -500n, closingNanos: 1_500n });
    expect((await owed())[anna.toLowerCase()]).toBe(500n);
    expect(Buffer.from((await books.get(PayeesRpc).file({ payee: anna, tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + 1_000_000 })).bytes, 'base64').length).toBeGreaterThan(1_000);
  });

  it('are listed by record, page by page, and not to another tenant', async () => {
    const records = [await earn(10), await earn(20), await earn(30)].sort();
    for (const record of records) await note(record, [share(anna, 100), share(ben, 100)]);
    const list = (after?: string, tenant = market.tenant) => books.get(RoyaltiesRpc).list({ tenant, limit: 2, after });
    const first = await list();
    expect([first.data.map(({ record }) => record), first.hasMore]).toEqual([[records[0], records[0], records[1], records[1]], true]);
    expect((await list(records[1])).data.map(({ record }) => record)).toEqual([records[2], records[2]]);
    expect(await list(undefined, books.ids.uuid())).toEqual({ data: [], hasMore: false });
    expect(await books.within((manager) => manager.query('SELECT 1 FROM billing.royalties'), books.ids.uuid())).toEqual([]);
    await expect(books.within((manager) => manager.query('UPDATE billing.royalties SET amount_nanos = 0'))).rejects.toThrow(/permission denied/);
  });

  it('are at most the whole, and name each data set of an owner once', () => {
    const said = (shares: RoyaltyShare[]) => royaltyUse.safeParse({ record: books.ids.uuid(), tenant: market.tenant, use: 'x', shares }).success;
    expect([said([share(anna, 10_000)]), said([share(anna, 9_999), share(ben, 2)]), said([share(anna, 1), share(anna.toLowerCase(), 1)]), said([])]).toEqual([true, false, false, false]);
  });
});
