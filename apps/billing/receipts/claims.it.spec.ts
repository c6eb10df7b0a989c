import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { ClosesService } from '../closes/closes.service.js';
import type { Lease } from '../leases/leases.service.js';
import { admittedFacts, joinNode, openMarket, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { ClaimsRpc } from './claims.rpc.js';
import { ReceiptsService } from './receipts.service.js';

const actor = { keyId: null, tenant: null };


describe('claims', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;
  let records: string[];

  /** A receipt for what nobody was charged for. */
  const claim = async (sequence: number): Promise<string> => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    await books.get(ReceiptsService).take([{ node: node.id, sequence, signed: signedBy(node, admitted, 3) }]);
    return admitted.record;
  };
  const list = async (state: 'open' | 'resolved' | 'all', after?: string, limit = 200) => books.get(ClaimsRpc).list({ state, after, limit });
  const resolve = (record: string, note = 'not ours', resolution: 'rejected' | 'withdrawn' = 'rejected') => books.get(ClaimsRpc).resolve({ actor, record, node: node.id, resolution, note });
  const logged = async (): Promise<number> => (await books.within((manager) => manager.query<unknown[]>(`SELECT 1 FROM billing.outbox o WHERE o::text LIKE '%claim.resolved%'`))).length;

  beforeAll(async () => {
    books = await openBooks({ BILLING_CLOSE_PATIENCE_MS: '100' });
    node = await joinNode(books);
    market = await openMarket(books, 10n ** 9n);
    lease = await market.acquire('gateway-1', 10n ** 8n);
    records = [await claim(1), await claim(2), await claim(3)].sort();
  });
  afterAll(() => books.close());

  it('are open until somebody ends them, once, with a word and a reason that stand in the log', async () => {
    expect((await list('open')).data.map(({ record, reason, nodeName, resolved }) => [record, reason, nodeName, resolved])).toEqual(records.map((record) => [record, 'no_charge', 'node', null]));
    expect(await books.get(ClosesService).run()).toMatchObject({ openClaims: 3 });
    const ended = await resolve(records[1]!);
    expect(ended.resolved).toEqual({ resolution: 'rejected', note: 'not ours', actor, resolvedAtMs: books.clock.nowMs() });
    expect(await Promise.all([resolve(records[1]!), resolve(records[1]!)])).toEqual([ended, ended]);
    await expect(resolve(records[1]!, 'another reason')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(resolve(records[1]!, 'not ours', 'withdrawn')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await logged()).toBe(1);
    expect([(await list('open')).data, (await list('resolved')).data, (await list('all')).data].map((found) => found.map(({ record }) => record))).toEqual([[records[0], records[2]], [records[1]], records]);
    expect(await books.get(ClosesService).run()).toMatchObject({ openClaims: 2 });
  });

  it('are paged, and only claims can be ended', async () => {
    const first = await list('all', undefined, 2);
    expect([first.data.map(({ record }) => record), first.hasMore]).toEqual([records.slice(0, 2), true]);
    expect((await list('all', `${records[1]}:${node.id}`)).data.map(({ record }) => record)).toEqual([records[2]]);
    await expect(resolve(books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(books.within((manager) => manager.query('DELETE FROM billing.claim_resolutions'))).rejects.toThrow(/permission denied/);
  });
});
