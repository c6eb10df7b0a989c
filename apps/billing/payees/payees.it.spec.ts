import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PayeeStatement } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { PayablesService } from '../payables/payables.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { PayeesRpc } from './payees.rpc.js';

const startMs = 1_767_225_600_000;
const dayMs = 86_400_000;


describe('the statement of a payee', () => {
  let books: Books;
  let markets: [Market, Market];
  let node: TestNode;

  const earn = async (market: Market, nanos: number, endMs: number): Promise<void> => {
    const lease = await market.acquire('g', BigInt(nanos));
    const admitted = admittedFacts(books.ids, market, lease, node, { admittedAtMs: endMs - 50 });
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, nanos)));
  };
  const ask = (fromMs: number, toMs: number, tenant: string | null = null): Promise<PayeeStatement> => books.get(PayeesRpc).statement({ payee: node.payee.toUpperCase().replace('0X', '0x'), tenant, fromMs, toMs });
  const owed = async (tenant: string | null): Promise<bigint> => (await books.get(PayablesService).list(tenant)).filter(({ payee }) => payee === node.payee).reduce((sum, { owedNanos }) => sum + owedNanos, 0n);

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
    markets = [await openMarket(books, 10n ** 12n), await openMarket(books, 10n ** 12n)];
    await earn(markets[0], 2_700, startMs);
    await earn(markets[0], 300, startMs + dayMs);
    await earn(markets[0], 500, startMs + dayMs + 1);
    await earn(markets[1], 1_400, startMs + 2 * dayMs);
    books.clock.advance(3 * dayMs);
    await books.get(PayablesService).draw(books.ids.uuid(), markets[0].tenant);
  });
  afterAll(() => books.close());

  it('says what was owed before, each day by machine and model, what was drawn, and what is owed after', async () => {
    expect(await ask(startMs + dayMs, startMs + 4 * dayMs)).toMatchObject({
      payee: node.payee,
      openingNanos: 2_700n,
      earned: [
        { dayMs: startMs + dayMs, tenant: markets[0].tenant, node: node.id, model: 'm', endpoint: 'embeddings', jobs: 2, inputTokens: 800, amountNanos: 800n },
        { dayMs: startMs + 2 * dayMs, tenant: markets[1].tenant, jobs: 1, amountNanos: 1_400n },
      ],
      earnedNanos: 2_200n,
      drawn: [{ tenant: markets[0].tenant, units: 3n, amountNanos: 3_000n, state: 'drawn', settledTx: null }],
      drawnNanos: 3_000n,
      closingNanos: 1_900n,
    });
  });

  it('ends at what the ledger owes, and the end of a period is the beginning of the next, wherever it is cut', async () => {
    expect((await ask(0, startMs + 10 * dayMs)).closingNanos).toBe(await owed(null));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 * dayMs }), async (cut) => {
        const [before, after] = [await ask(0, startMs + cut), await ask(startMs + cut, startMs + 10 * dayMs)];
        expect(before.openingNanos).toBe(0n);
        expect(after.openingNanos).toBe(before.closingNanos);
        expect(after.closingNanos).toBe(await owed(null));
      }),
      { numRuns: 20 },
    );
  });

  it('of one organisation holds what that one owes alone', async () => {
    const own = await ask(0, startMs + 10 * dayMs, markets[1].tenant);
    expect(own).toMatchObject({ tenant: markets[1].tenant, earnedNanos: 1_400n, drawn: [], closingNanos: await owed(markets[1].tenant) });
    await expect(ask(0, 1, books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask(1, 1)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('is a PDF too, always the same bytes', async () => {
    const request = { payee: node.payee, tenant: null, fromMs: startMs, toMs: startMs + 10 * dayMs };
    const [file, again] = [await books.get(PayeesRpc).file(request), await books.get(PayeesRpc).file(request)];
    expect(Buffer.from(file.bytes, 'base64').subarray(0, 5).toString()).toBe('%PDF-');
    expect(file).toMatchObject({ name: `statement-${node.payee}-2026-01-01-2026-01-10.pdf`, sha256: again.sha256 });
    if (process.env['KEEP_PDF']) (await import('node:fs')).writeFileSync(process.env['KEEP_PDF'], Buffer.from(file.bytes, 'base64'));
  });
});
