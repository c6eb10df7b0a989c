import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { TokenBalancesRpc } from '../ledger/token-balances.rpc.js';
import { TrialBalanceStore } from '../ledger/trial-balance.store.js';
import { ReceiptsService } from '../receipts/receipts.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import type { ConversionRate } from '#protocol';
import { PayablesRpc } from './payables.rpc.js';
import { PayablesService } from './payables.service.js';
import { SettlementService } from './settlement.service.js';
import type { Statement } from './statement.js';
import { StatementsStore } from './statements.store.js';

const payer = `0x${'Ab'.repeat(20)}`;

describe('payables', () => {
  let books: Books;
  let market: Market;
  let nodes: [TestNode, TestNode];
  let block = 0;

  const at = () => ({ tx: `0x${(++block).toString(16).padStart(64, '0')}`, blockHash: `0x${'f'.repeat(64)}`, blockNumber: block, logIndex: 0 });
  const draw = (id = books.ids.uuid()): Promise<Statement> => books.get(PayablesService).draw(id, market.tenant);
  /** One finished job that costs `nanos`, with its receipt. */
  const earn = async (node: TestNode, nanos: number): Promise<string> => {
    const lease = await market.acquire('g', BigInt(nanos));
    const admitted = admittedFacts(books.ids, market, lease, node);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, nanos, { receipt: signedBy(node, admitted, nanos) })));
    return admitted.record;
  };
  const settledEvent = (statement: Statement, position = at()) => ({
    statement: statement.id,
    tenant: market.tenant,
    payer,
    epoch: 1,
    payees: [...statement.lines],
    totalUnits: statement.totalUnits,
    auditRoot: '0'.repeat(64),
    auditSize: 1,
    at: position,
  });
  const balance = async (code: string): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1', [code]));
    return BigInt(row?.balance ?? 0);
  };

  beforeAll(async () => {
    books = await openBooks();
    const joined = [await joinNode(books), await joinNode(books)].sort((a, b) => (a.payee < b.payee ? -1 : 1));
    nodes = [joined[0]!, joined[1]!];
  });
  beforeEach(async () => {
    market = await openMarket(books, 1_000_000n);
  });
  afterAll(() => books.close());

  it('know what was sold to callers without an account, once however often it is told', async () => {
    const payTo = `0x${'Cd'.repeat(20)}`;
    const sold = { payment: 'ab'.repeat(32), tenant: market.tenant, record: books.ids.uuid(), payer, payTo, units: 17n, at: at() };
    await books.get(SettlementService).sold(sold);
    await books.get(SettlementService).sold(sold);
    expect([await balance(`wallet:${market.tenant}:${payTo.toLowerCase()}`), await balance(`sales:${market.tenant}`)]).toEqual([17n, -17n]);
  });

  it('follow the wallet where sales are paid to the unit: what is no sale, what was sent away, what the chain took back; and say it up to a block', async () => {
    const [wallet, counterparty] = [`0x${'Ce'.repeat(20)}`, `0x${'12'.repeat(20)}`];
    const service = books.get(SettlementService);
    const soldAt = at();
    await service.sold({ payment: 'cd'.repeat(32), tenant: market.tenant, record: books.ids.uuid(), payer, payTo: wallet, units: 40n, at: soldAt });
    const moved = (units: bigint, of: 'sale' | 'other', position = at()) => ({ move: books.ids.uuid(), tenant: market.tenant, wallet, counterparty, units, of, payment: null, at: position });
    const [gift, sent, undone] = [moved(5n, 'other'), moved(-30n, 'other'), moved(-40n, 'sale', soldAt)];
    for (const event of [gift, gift, sent, undone]) await service.walletMoved(event);
    await Promise.all([service.walletMoved(sent), service.walletMoved(undone)]);
    const codes = [`wallet:${market.tenant}:${wallet}`, `wallet-transfers:${market.tenant}:${wallet}`].map((code) => code.toLowerCase());
    expect(await Promise.all(codes.map(balance))).toEqual([-25n, 25n]);
    const said = async (block: number) => (await books.get(TokenBalancesRpc).tokens({ wallets: [{ address: wallet, block }] })).wallets;
    expect(await said(soldAt.blockNumber - 1)).toEqual([{ address: wallet, saleUnits: 0n, otherUnits: 0n, heldUnits: -25n, movedUnits: -25n }]);
    expect(await said(gift.at.blockNumber)).toMatchObject([{ saleUnits: 0n, otherUnits: 5n }]);
    expect(await said(sent.at.blockNumber)).toMatchObject([{ saleUnits: 0n, otherUnits: -25n }]);
    expect(await books.get(TokenBalancesRpc).tokens({ wallets: [{ address: payer, block: 9 }] })).toMatchObject({ wallets: [{ address: payer, saleUnits: 0n, heldUnits: 0n }] });
    expect(await books.faults()).toEqual([]);
  });

  it('leave out whom the chain cannot pay: one such payee holds up nobody else, and stays owed', async () => {
    await earn(nodes[0], 2_000);
    await earn(nodes[1], 3_000);
    const drawn = await books.get(PayablesService).draw(books.ids.uuid(), market.tenant, [nodes[1].payee.toUpperCase().replace('0X', '0x')]);
    expect(drawn.lines).toMatchObject([{ payee: nodes[0].payee, units: 2n }]);
    const list = await books.get(PayablesService).list(market.tenant);
    expect(list.find(({ payee }) => payee === nodes[1].payee)).toMatchObject({ owedNanos: 3_000n, drawnNanos: 0n });
    const page = (after?: string, limit = 1) => books.get(PayablesRpc).list({ tenant: market.tenant, after, limit });
    expect([(await page()).data, (await page()).hasMore, (await page(undefined, list.length)).hasMore]).toEqual([list.slice(0, 1), true, false]);
    expect((await page(`${market.tenant}:${list[0]!.payee}`, 50)).data).toEqual(list.slice(1));
    expect(await books.faults()).toEqual([]);
  });

  it('are drawn in whole token units, what is left stays owed and comes with the next draw', async () => {
    await earn(nodes[0], 2_700);
    await earn(nodes[1], 900);
    const first = await draw();
    expect(first).toMatchObject({ rate: { nanos: 1_000n, units: 1n, source: { kind: 'fixed' } }, totalUnits: 2n, cumulativeTotalUnits: 2n, lines: [{ payee: nodes[0].payee, units: 2n, cumulativeUnits: 2n }] });
    await books.get(SettlementService).settled(settledEvent(first));
    await earn(nodes[0], 300);
    const second = await draw();
    expect(second).toMatchObject({ totalUnits: 1n, cumulativeTotalUnits: 3n, lines: [{ payee: nodes[0].payee, units: 1n, cumulativeUnits: 3n }] });
    expect(await books.get(PayablesService).list(market.tenant)).toMatchObject([
      { payee: nodes[0].payee, earnedNanos: 3_000n, drawnNanos: 3_000n, owedNanos: 0n },
      { payee: nodes[1].payee, earnedNanos: 900n, drawnNanos: 0n, owedNanos: 900n },
    ]);
    expect(await books.faults()).toEqual([]);
  });

  it('are drawn once: the same statement, another one while it is unsettled, and many at a time answer the same', async () => {
    await earn(nodes[0], 5_000);
    const id = books.ids.uuid();
    const drawn = await Promise.all([draw(id), draw(id), draw(), draw(), draw(id)]);
    await earn(nodes[0], 5_000);
    const again = await draw(drawn[0].id);
    for (const statement of [...drawn, again, await draw()]) expect(statement).toEqual(drawn[0]);
    expect(await books.get(PayablesService).list(market.tenant)).toMatchObject([{ owedNanos: 5_000n, drawnNanos: 5_000n }]);
    await books.get(SettlementService).settled(settledEvent(again));
    expect(await draw(again.id)).toEqual(again);
    expect((await draw()).totalUnits).toBe(5n);
    expect(await books.faults()).toEqual([]);
  });

  it('that were drawn and signed by nobody are owed again when the draw is taken back, once, and its id draws nothing more', async () => {
    const payables = books.get(PayablesService);
    await earn(nodes[0], 5_000);
    await earn(nodes[1], 3_000);
    const settled = await payables.draw(books.ids.uuid(), market.tenant, [], 1);
    await books.get(SettlementService).settled(settledEvent(settled));
    await earn(nodes[0], 4_000);
    const before = await payables.list(market.tenant);
    const taken = await draw();
    expect(taken).toMatchObject({ totalUnits: 7n, cumulativeTotalUnits: 12n });
    const other = await openMarket(books, 10_000n);
    await expect(payables.takeBack(taken.id, other.tenant)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await Promise.all([1, 2, 3].map(() => payables.takeBack(taken.id, market.tenant)));
    await payables.takeBack(books.ids.uuid(), market.tenant);
    expect(await payables.list(market.tenant)).toEqual(before);
    await expect(draw(taken.id)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('taken back') });
    await expect(payables.takeBack(settled.id, market.tenant)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await books.faults()).toEqual([]);
    const next = await payables.draw(books.ids.uuid(), market.tenant, [], 9, undefined, [nodes[0].payee]);
    expect(next).toMatchObject({ totalUnits: 4n, cumulativeTotalUnits: 9n, lines: [{ payee: nodes[0].payee, units: 4n, cumulativeUnits: 9n }] });
    await books.get(SettlementService).settled(settledEvent(next));
    expect(await draw()).toMatchObject({ totalUnits: 3n, cumulativeTotalUnits: 12n, lines: [{ payee: nodes[1].payee, cumulativeUnits: 3n }] });
    expect(await books.faults()).toEqual([]);
  });

  it('are drawn up to so many units, and a charge is in the statement that pays the last of its payee’s debt', async () => {
    const [first, small] = [await earn(nodes[0], 5_000), await earn(nodes[1], 3_000)];
    const payables = books.get(PayablesService);
    const draws = async (unitsMax: bigint): Promise<{ units: bigint[]; charges: string[] }> => {
      const drawn = await payables.draw(books.ids.uuid(), market.tenant, [], undefined, undefined, undefined, unitsMax);
      const charges = await books.within((manager) => books.get(StatementsStore).charges(manager, drawn.id));
      await books.get(SettlementService).settled(settledEvent(drawn));
      return { units: drawn.lines.map(({ units }) => units), charges: charges.map(({ record }) => record) };
    };
    expect(await draws(4n)).toEqual({ units: [4n], charges: [] });
    expect(await draws(4n)).toEqual({ units: [1n, 3n], charges: [first, small].sort() });
    await expect(draws(4n)).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    expect(await books.faults()).toEqual([]);
  });

  it('give NOTHING_DUE below one unit, and refuse the statement of another tenant', async () => {
    await earn(nodes[0], 999);
    await expect(draw()).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    await earn(nodes[0], 1);
    const { id } = await draw();
    market = await openMarket(books, 10_000n);
    await earn(nodes[0], 5_000);
    await expect(draw(id)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('close with the chain: deposit, epoch and withdrawal are each posted once, however often they are told', async () => {
    const settlement = books.get(SettlementService);
    await earn(nodes[0], 7_500);
    await earn(nodes[1], 2_000);
    const escrowBefore = await balance('escrow');
    const statement = await draw();
    const deposit = { tenant: market.tenant, payer, units: 100n, at: at() };
    const settled = settledEvent(statement);
    const withdrawal = { payee: nodes[0].payee.toUpperCase().replace('0X', '0x'), to: payer, payer: payer.toLowerCase(), units: 4n, at: at() };
    for (let times = 0; times < 3; times++) {
      await settlement.deposited(deposit);
      await settlement.settled(settled);
      expect(await settlement.withdrawn(withdrawal)).toBe(true);
    }
    expect(await balance('escrow')).toBe(escrowBefore + 96n);
    expect(await balance(`deposit:${market.tenant}`)).toBe(-91n);
    expect(await balance(`credited:${market.tenant}:${nodes[0].payee}`)).toBe(-3n);
    expect(await balance(`credited:${market.tenant}:${nodes[1].payee}`)).toBe(-2n);
    expect(await balance(`drawn:${market.tenant}:${nodes[0].payee}`)).toBe(0n);
    expect(await balance(`receivable:${market.tenant}`)).toBe(500n);
    expect(await balance(`payable:${market.tenant}:${nodes[0].payee}`)).toBe(-500n);
    const { data } = await books.get(PayablesService).payouts({ tenant: market.tenant, limit: 50 });
    expect(data).toMatchObject([
      { statement: statement.id, units: 7n, state: 'settled', settledTx: settled.at.tx },
      { statement: statement.id, units: 2n, state: 'settled' },
    ]);
    const currencies = await books.within((manager) => books.get(TrialBalanceStore).sums(manager));
    expect(currencies.map(({ currency, sum }) => [currency, sum])).toEqual([['TUSD6', 0n], ['USD', 0n]]);
    expect(await books.faults()).toEqual([]);
  });

  it('lose a deposit again that the chain took back for good, once for each time that it was there, and name what was paid out of it', async () => {
    const settlement = books.get(SettlementService);
    const deposit = { tenant: market.tenant, payer, units: 100n, at: at() };
    const held = async (): Promise<bigint> => -(await balance(`deposit:${market.tenant}`));
    const spent = async () => (await books.within((manager) => books.get(AnomaliesStore).list(manager), market.tenant)).filter(({ kind, tenant }) => kind === 'deposit_spent' && tenant === market.tenant);
    for (let times = 0; times < 2; times++) await settlement.deposited(deposit);
    for (let times = 0; times < 2; times++) await settlement.depositReversed(deposit);
    expect([await held(), await spent()]).toEqual([0n, []]);
    // There again, and gone again: each is a fact of its own.
    await settlement.deposited(deposit);
    expect(await held()).toBe(0n);
    for (let times = 0; times < 2; times++) await settlement.deposited({ ...deposit, reversals: 1 });
    expect(await held()).toBe(100n);
    await earn(nodes[0], 7_000);
    await settlement.settled(settledEvent(await draw()));
    await Promise.all([1, 2, 3].map(() => settlement.depositReversed({ ...deposit, reversals: 1 })));
    expect(await held()).toBe(-7n);
    expect(await spent()).toMatchObject([{ detail: { payer, units: '100', missingUnits: '7' } }]);
    // Heard of in the other order.
    const late = { ...deposit, at: at() };
    await settlement.depositReversed(late);
    await settlement.deposited(late);
    expect(await held()).toBe(-7n);
    expect(await books.faults()).toEqual([]);
  });

  it('are drawn, settled and carried at the rate of each statement, which asking again does not change', async () => {
    const rate = { nanos: 3_001n, units: 2n, source: { kind: 'oracle', feed: payer, description: 'T / USD', round: '5', answer: '150050000', decimals: 8, updatedAtMs: 1, block: 4 }, readAtMs: 2 } as const;
    const drawAt = (id: string, at: ConversionRate): Promise<Statement> => books.get(PayablesService).draw(id, market.tenant, [], undefined, at);
    await earn(nodes[0], 10_000);
    const id = books.ids.uuid();
    const first = await drawAt(id, rate);
    // 10 000 × 2 ÷ 3 001 = 6.66; 6 units pay 9 003.
    expect(first).toMatchObject({ rate, totalUnits: 6n, lines: [{ payee: nodes[0].payee, units: 6n, nanos: 9_003n }] });
    expect(await drawAt(books.ids.uuid(), { ...rate, nanos: 1n })).toEqual(first);
    await books.get(SettlementService).settled(settledEvent(first));
    expect(await balance(`drawn:${market.tenant}:${nodes[0].payee}`)).toBe(0n);
    expect(await balance(`receivable:${market.tenant}`)).toBe(997n);
    await earn(nodes[0], 4_000);
    // 997 were left: 4 997 × 2 ÷ 1 = 9 994 units of half a nano each.
    const second = await drawAt(books.ids.uuid(), { ...rate, nanos: 1n });
    expect(second).toMatchObject({ totalUnits: 9_994n, cumulativeTotalUnits: 10_000n, lines: [{ nanos: 4_997n }] });
    expect(await books.get(PayablesService).list(market.tenant)).toMatchObject([{ payee: nodes[0].payee, earnedNanos: 14_000n, drawnNanos: 14_000n, owedNanos: 0n }]);
    await books.get(SettlementService).settled(settledEvent(second));
    expect(await books.faults()).toEqual([]);
  });

  it('follow the chain and say so when it settled something else than was drawn', async () => {
    await earn(nodes[0], 3_000);
    const statement = await draw();
    await books.get(SettlementService).settled({ ...settledEvent(statement), payees: [{ payee: nodes[0].payee, units: 2n, cumulativeUnits: 2n }], totalUnits: 2n });
    expect(await balance(`credited:${market.tenant}:${nodes[0].payee}`)).toBe(-2n);
    expect(await balance(`drawn:${market.tenant}:${nodes[0].payee}`)).toBe(-1_000n);
    const found = await books.within((manager) => books.get(AnomaliesStore).list(manager), market.tenant);
    expect(found).toMatchObject([{ kind: 'settlement_mismatch', subject: statement.id }]);
  });

  it('wait with a withdrawal until its payer is known', async () => {
    const foreign = { payee: nodes[0].payee, to: payer, payer: `0x${'9'.repeat(40)}`, units: 1n, at: at() };
    expect(await books.get(SettlementService).withdrawn(foreign)).toBe(false);
    await books.get(SettlementService).deposited({ tenant: market.tenant, payer: foreign.payer, units: 5n, at: at() });
    expect(await books.get(SettlementService).withdrawn(foreign)).toBe(true);
  });

  it('tell the nodes which receipts are settled, and again when one is sent again', async () => {
    const paid = await earn(nodes[0], 4_000);
    const statement = await draw();
    const unpaid = await earn(nodes[0], 4_000);
    const told = (): string[] => books.published.splice(0).flatMap(([subject, text]) => (subject === `node.${nodes[0].id}.down.settled` ? (JSON.parse(text) as { records: string[] }).records : []));
    told();
    await books.get(SettlementService).settled(settledEvent(statement));
    expect(told()).toEqual([paid]);
    const rows = await books.within((manager) => manager.query<{ bytes: string; signature: string }[]>('SELECT bytes, signature FROM billing.receipts WHERE record = ANY($1)', [[paid, unpaid]]));
    await books.get(ReceiptsService).take(rows.map((signed, sequence) => ({ node: nodes[0].id, sequence, signed })));
    expect(told()).toEqual([paid]);
  });

  it('are invisible to another tenant', async () => {
    await earn(nodes[0], 3_000);
    await draw();
    const tables = ['accounts', 'transfers', 'postings', 'budgets', 'lease_fences', 'leases', 'admissions', 'charges', 'receipts', 'statements', 'statement_lines', 'statement_charges'];
    for (const table of tables) {
      const count = (tenant: string): Promise<[{ n: string }]> => books.within((manager) => manager.query(`SELECT count(*) AS n FROM billing.${table}`), tenant);
      expect(Number((await count(market.tenant))[0].n)).toBeGreaterThan(0);
      expect(await count(books.ids.uuid())).toEqual([{ n: '0' }]);
    }
  });
});
