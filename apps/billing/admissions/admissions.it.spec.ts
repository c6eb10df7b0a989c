import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { withClient } from '#local';
import { bodyMatchesEnvelope, limits, openRecordBody, parseEnvelope, recordCommit } from '#protocol';
import type { AdmittedFacts, LogRecord, Usage } from '#protocol';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { ClaimsRpc } from '../receipts/claims.rpc.js';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import { ChargesStore } from '../charges/charges.store.js';
import { AssignPayees } from '../nodes/assign-payees.service.js';
import { NodesStore } from '../nodes/nodes.store.js';
import { ReceiptMatcher } from '../receipts/receipt-matcher.service.js';
import { ReceiptsService } from '../receipts/receipts.service.js';
import { admittedFacts, changePrice, completedFacts, joinNode, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import type { Lease } from '../leases/leases.service.js';
import { AdmissionSweeper } from './admission-sweeper.service.js';

const openMs = limits.requestDeadlineMs + limits.admissionGraceMs + 1;

describe('admissions that nobody ended', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;

  /** What the service has written to the log since the last look. */
  const written = async (): Promise<LogRecord[]> => {
    const rows = await books.within((manager) => manager.query<{ payload: string }[]>(`SELECT payload FROM billing.outbox WHERE subject = 'mizan.record.billing' ORDER BY id`));
    await books.within((manager) => manager.query('DELETE FROM billing.outbox'));
    return rows.flatMap(({ payload }) => recordCommit.decode(JSON.parse(payload)).records);
  };
  const admit = async (over: Partial<AdmittedFacts> = {}): Promise<AdmittedFacts> => {
    const admitted = admittedFacts(books.ids, market, lease, node, { admittedAtMs: books.clock.nowMs(), deadlineMs: books.clock.nowMs() + limits.requestDeadlineMs, ...over });
    await market.book(recordOf(admitted));
    return admitted;
  };
  const overdue = async (): Promise<LogRecord[]> => {
    books.clock.advance(openMs);
    await books.get(AdmissionSweeper).runOnce();
    return written();
  };
  const take = (from: TestNode, admitted: AdmittedFacts, tokens: number, over: { model?: string; requestHash?: string; usage?: Usage } = {}): Promise<void> =>
    books.get(ReceiptsService).take([{ node: from.id, sequence: 1, signed: signedBy(from, admitted, tokens, over) }]);
  const charge = (record: string) => books.within((manager) => books.get(ChargesStore).find(manager, record));

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  });
  beforeEach(async () => {
    books.progress.laggingSinceMs = undefined;
    market = await openMarket(books, 10_000n);
    lease = await market.acquire('gateway-1', 2_000n);
    await written();
  });
  afterAll(() => books.close());

  it('are completed from the receipt, at the price of their admission', async () => {
    const admitted = await admit();
    await take(node, admitted, 60);
    await changePrice(books, node.offer, { inputNanosPerMillion: 9_000_000n, outputNanosPerMillion: 0n });
    const [record, ...others] = (await overdue()).filter(({ type }) => !type.startsWith('price.'));
    expect(others).toEqual([]);
    expect(record).toMatchObject({ id: admitted.record, type: 'completed', facts: { chargeNanos: 60n, usageSource: 'receipt', closedBy: 'billing', outcome: 'ok' } });
    expect(await charge(admitted.record)).toBeUndefined();
    await market.book(record!);
    expect(await charge(admitted.record)).toMatchObject({ amountNanos: 60n, inputTokens: 60 });
    expect((await books.get(ClaimsRpc).list({ limit: 200, state: 'open' })).data.map((claim) => claim.record)).not.toContain(admitted.record);
    expect(await books.faults()).toEqual([]);
  });

  it('are written to the log as the tenant alone can read it', async () => {
    const admitted = await admit();
    const [record] = await overdue();
    const body = openRecordBody(admitted.record, 'voided', record!.body!, market.sealPrivate);
    expect(body.fields).toMatchObject({ chargeNanos: '0', closedBy: 'billing', outcome: 'failed' });
    expect(bodyMatchesEnvelope(body, parseEnvelope(Buffer.from(record!.envelope, 'base64')))).toBe(true);
  });

  it('are voided at zero without a receipt, and their hold returns', async () => {
    const admitted = await admit();
    books.clock.advance(openMs - 2);
    await books.get(AdmissionSweeper).runOnce();
    expect(await written()).toEqual([]);
    books.clock.advance(2);
    await books.get(AdmissionSweeper).runOnce();
    await books.get(AdmissionSweeper).runOnce();
    const records = await written();
    expect(records).toHaveLength(1);
    await market.book(...records, ...records);
    expect(await charge(admitted.record)).toMatchObject({ amountNanos: 0n });
    const [row] = await books.within((manager) => manager.query<{ state: string }[]>('SELECT state FROM billing.admissions WHERE record = $1', [admitted.record]));
    expect(row).toEqual({ state: 'voided' });
    expect((await books.get(BudgetsService).list(market.tenant))[0]).toMatchObject({ spentNanos: 0n });
    expect(await books.faults()).toEqual([]);
  });

  it('follow the stream when the gateway was only late: its own record came first', async () => {
    const admitted = await admit();
    const [voided] = await overdue();
    await market.book(recordOf(completedFacts(admitted, node, 7)), voided!);
    expect(await charge(admitted.record)).toMatchObject({ amountNanos: 7n });
    expect(await books.faults()).toEqual([]);
  });

  it('stay open while the books lag behind the records', async () => {
    await admit();
    books.progress.laggingSinceMs = books.clock.nowMs();
    expect(await overdue()).toEqual([]);
    books.progress.laggingSinceMs = undefined;
    expect(await overdue()).toHaveLength(1);
  });

  it('are not ended early because somebody sets the wall clock', async () => {
    await admit();
    books.clock.jump(3_600_000);
    await books.get(AdmissionSweeper).runOnce();
    books.clock.jump(-3_600_000);
    expect(await written()).toEqual([]);
    expect(await overdue()).toMatchObject([{ type: 'voided' }]);
  });

  it.each([
    ['of another request', { requestHash: 'c'.repeat(64) }],
    ['of another model', { model: 'other' }],
  ])('are not paid for by a receipt %s', async (_name, over) => {
    const admitted = await admit();
    await take(node, admitted, 60, over);
    expect(await overdue()).toMatchObject([{ type: 'voided' }]);
  });

  it('are not paid for by a receipt above the hold: it is named and stays a claim', async () => {
    const admitted = await admit({ holdNanos: 50n });
    await take(node, admitted, 60);
    const records = await overdue();
    expect(records).toMatchObject([{ type: 'voided' }]);
    await market.book(...records);
    const found = await books.within((manager) => books.get(AnomaliesStore).list(manager), market.tenant);
    expect(found.map(({ kind }) => kind)).toEqual(['receipt_exceeds_hold']);
    expect((await books.get(ClaimsRpc).list({ limit: 200, state: 'open' })).data).toContainEqual(expect.objectContaining({ record: admitted.record, reason: 'usage_differs' }));
  });

  it('are not held up by a receipt over more than any amount can be', async () => {
    const dear = await joinNode(books, 5_000_000_000n);
    const admitted = await admit({ node: dear.id, offer: dear.offer, priceVersion: dear.price.version });
    await take(dear, admitted, Number.MAX_SAFE_INTEGER);
    await written();
    expect(await overdue()).toMatchObject([{ id: admitted.record, type: 'voided' }]);
  });

  it.each<[string, Usage]>([
    ['more tokens than any request has', { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 0 }],
    ['more frames than any request has', { inputTokens: 1, outputTokens: 0, meters: { frames: Number.MAX_SAFE_INTEGER } }],
    ['more of the input from a cache than there was', { inputTokens: 1, outputTokens: 0, meters: { cached_tokens: 2 } }],
  ])('are not closed by a receipt over %s, though nothing of it costs anything', async (_name, usage) => {
    const free = await joinNode(books, 0n);
    const admitted = await admit({ node: free.id, offer: free.offer, priceVersion: free.price.version });
    await take(free, admitted, 0, { usage });
    await written();
    expect(await overdue()).toMatchObject([{ id: admitted.record, type: 'voided' }]);
  });

  it('are not held up by a receipt of an earlier release over a meter that is not known', async () => {
    const admitted = await admit();
    await take(node, admitted, 60);
    await withClient(books.database.adminUrl, async (client) => {
      const { rows } = await client.query<{ bytes: string }>('SELECT bytes FROM billing.receipts WHERE record = $1', [admitted.record]);
      const body = JSON.parse(Buffer.from(rows[0]!.bytes, 'base64').toString('utf8')) as { usage: object };
      await client.query('UPDATE billing.receipts SET bytes = $2 WHERE record = $1', [admitted.record, Buffer.from(JSON.stringify({ ...body, usage: { ...body.usage, meters: { favours: 1 } } })).toString('base64')]);
    });
    expect(await overdue()).toMatchObject([{ id: admitted.record, type: 'voided' }]);
  });

  it('are paid to the node that took over, at the price its offer had then', async () => {
    const other = await joinNode(books, 500_000n);
    const admitted = await admit();
    await take(other, admitted, 60);
    await written();
    const [record] = await overdue();
    expect(record).toMatchObject({ type: 'completed', facts: { node: other.id, offer: other.offer, chargeNanos: 30n, priceVersion: other.price.version } });
  });

  it('are not paid for by a receipt over another node’s offer, or one that the node did not sign', async () => {
    const other = await joinNode(books);
    const [stolen, forged] = [await admit(), await admit()];
    await take({ ...other, offer: node.offer }, stolen, 60);
    await take({ ...node, privateKey: other.privateKey }, forged, 60);
    await written();
    expect((await overdue()).map(({ type }) => type)).toEqual(['voided', 'voided']);
  });

  it('are paid for by a receipt that came before the node’s key, once it is verified', async () => {
    const unheard: TestNode = { ...node, id: books.ids.uuid() };
    const [admitted, forged] = [await admit({ node: unheard.id }), await admit({ node: unheard.id })];
    await take(unheard, admitted, 60);
    await take({ ...unheard, privateKey: (await joinNode(books)).privateKey }, forged, 60);
    await books.within((manager) => books.get(NodesStore).enrol(manager, { node: unheard.id, name: 'late', publicKey: node.publicKey, payoutAddress: `0x${'1'.repeat(40)}` }));
    await books.get(ReceiptMatcher).runOnce();
    await books.get(AssignPayees).runOnce();
    await written();
    const records = await overdue();
    expect(new Map(records.map(({ id, type }) => [id, type]))).toEqual(new Map([[admitted.record, 'completed'], [forged.record, 'voided']]));
    expect((await books.get(ClaimsRpc).list({ limit: 200, state: 'open' })).data).toContainEqual(expect.objectContaining({ record: forged.record, reason: 'bad_signature' }));
  });
});
