import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { CompletedFacts } from '#protocol';
import { createDataSource } from '#service';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { InvoicesService } from '../invoices/invoices.service.js';
import { PartiesRpc } from '../invoices/parties.rpc.js';
import type { Lease } from '../leases/leases.service.js';
import { PayablesService } from '../payables/payables.service.js';
import { SettlementService } from '../payables/settlement.service.js';
import { ReceiptsService } from '../receipts/receipts.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { UnusualSpendStore } from '../spend-watch/unusual-spend.store.js';
import { CloseTimer, isDue } from './close-timer.service.js';
import { ClosesService } from './closes.service.js';

const dayMs = 86_400_000;

describe('a close of the books', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;
  let closes: ClosesService;

  beforeAll(async () => {
    books = await openBooks({ BILLING_CLOSE_PATIENCE_MS: '400' });
    node = await joinNode(books);
    closes = books.get(ClosesService);
  });
  beforeEach(async () => {
    market = await openMarket(books, 10n ** 9n);
    lease = await market.acquire('gateway-1', 10n ** 8n);
    books.outside.onLook = undefined;
    books.outside.chainDown = false;
  });
  afterAll(() => books.close());

  /** A request that ran, with its node's receipt. */
  const ended = (tokens: number): { facts: CompletedFacts; book: () => Promise<void> } => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    const facts = completedFacts(admitted, node, tokens, { receipt: signedBy(node, admitted, tokens) });
    return { facts, book: () => market.book(recordOf(admitted), recordOf(facts)) };
  };
  const named = async (number: number) => (await closes.get(number)).named.map(({ kind, subject }) => [kind, subject]);
  /** As the owner of the tables, whom triggers and grants do not bind. */
  const asOwner = async (sql: string, parameters: unknown[]): Promise<void> => {
    const owner = await createDataSource(books.database.ownerUrl, 'billing').initialize();
    await owner.transaction(async (manager) => {
      await manager.query(`SELECT set_config('app.tenant', '*', true)`);
      await manager.query(sql, parameters);
    });
    await owner.destroy();
  };

  it('is clean where books, log and chain agree, and says where the period ends and what the accounts were', async () => {
    for (const tokens of [10, 20, 0]) {
      const one = ended(tokens);
      await one.book();
      books.outside.log(one.facts);
    }
    const close = await closes.run();
    expect(close).toMatchObject({ number: 1, logSize: 3, charges: 3, chargedNanos: 30n, carried: 0, openClaims: 0, block: 7, differences: 0 });
    const accounts = await books.within((manager) => manager.query<{ line: string }[]>(`SELECT currency || ' ' || code || ' ' || balance || E'\\n' AS line FROM billing.accounts ORDER BY currency COLLATE "C", code COLLATE "C"`));
    expect(close.trialBalanceHash).toBe(createHash('sha256').update(accounts.map(({ line }) => line).join('')).digest('hex'));
    const [entry] = await books.within((manager) => manager.query<{ payload: string }[]>(`SELECT o::text AS payload FROM billing.outbox o WHERE o::text LIKE '%books.closed%'`));
    expect(entry!.payload).toContain(close.trialBalanceHash);
  });

  it('counts what came since the close before, and waits for a log that is behind the books', async () => {
    const one = ended(5);
    await one.book();
    let looks = 0;
    books.outside.onLook = async () => {
      if (++looks === 2) books.outside.log(one.facts);
      return Promise.resolve();
    };
    expect(await closes.run()).toMatchObject({ charges: 1, chargedNanos: 5n, differences: 0 });
    expect(looks).toBeGreaterThan(2);
    expect((await closes.list({ limit: 1 })).data).toMatchObject([{ charges: 1, chargedNanos: 5n }]);
  });

  it('leaves to the next period what the books took in after its snapshot', async () => {
    const one = ended(7);
    books.outside.log(one.facts);
    books.outside.onLook = async () => {
      books.outside.onLook = undefined;
      await one.book();
    };
    const close = await closes.run();
    expect(close).toMatchObject({ charges: 0, carried: 1, differences: 0 });
    expect(await closes.run()).toMatchObject({ charges: 1, chargedNanos: 7n, carried: 0, differences: 0, logSize: close.logSize });
  });

  it('names a record without a charge until it has one, and does not close while the books lag', async () => {
    const one = ended(9);
    books.outside.log(one.facts);
    books.progress.laggingSinceMs = -1;
    await expect(closes.run()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    books.progress.laggingSinceMs = undefined;
    for (let times = 0; times < 2; times++) expect(await named((await closes.run()).number)).toEqual([['record_without_charge', one.facts.record]]);
    await one.book();
    expect(await closes.run()).toMatchObject({ charges: 1, differences: 0 });
  });

  it('names a charge without a record, and one that says something else than its record', async () => {
    const [unknown, other] = [ended(11), ended(12)];
    await unknown.book();
    await other.book();
    books.outside.log({ ...other.facts, chargeNanos: 13n });
    expect(await named((await closes.run()).number)).toEqual([['charge_not_record', other.facts.record], ['charge_without_record', unknown.facts.record]]);
    books.outside.log(unknown.facts);
    const changed = ended(13);
    await changed.book();
    books.outside.ends.push({ index: books.outside.ends.length, record: changed.facts.record, type: 'completed', tenant: market.tenant, chargeNanos: null, unreadable: true });
    expect(await named((await closes.run()).number)).toEqual([['charge_not_record', changed.facts.record]]);
    expect(await closes.run()).toMatchObject({ charges: 0, differences: 0 });
  });

  it('names done work without a receipt, and shows receipts without a charge', async () => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    const facts = completedFacts(admitted, node, 3);
    await market.book(recordOf(admitted), recordOf(facts));
    books.outside.log(facts);
    expect(await named((await closes.run()).number)).toEqual([['receipt_missing', facts.record]]);
    const lone = admittedFacts(books.ids, market, lease, node);
    await books.get(ReceiptsService).take([
      { node: node.id, sequence: 1, signed: signedBy(node, admitted, 3) },
      { node: node.id, sequence: 2, signed: signedBy(node, lone, 3) },
    ]);
    expect(await closes.run()).toMatchObject({ openClaims: 1, differences: 0 });
  });

  it('compares deposits and credits with the chain to the unit, both ways, and says when the chain could not be asked', async () => {
    const at = { tx: `0x${'1'.repeat(64)}`, blockHash: `0x${'2'.repeat(64)}`, blockNumber: 1, logIndex: 0 };
    const payer = `0x${'3'.repeat(40)}`;
    await books.get(SettlementService).deposited({ tenant: market.tenant, payer, units: 500n, at });
    expect(await named((await closes.run()).number)).toEqual([['deposit_not_chain', market.tenant]]);
    books.outside.payers = [{ tenant: market.tenant, address: payer, availableUnits: 500n, credits: [] }];
    expect(await closes.run()).toMatchObject({ differences: 0 });
    books.outside.payers = [{ tenant: market.tenant, address: payer, availableUnits: 499n, credits: [{ payee: node.payee, cumulativeUnits: 1n, leftUnits: 1n }] }];
    expect(await named((await closes.run()).number)).toEqual([['deposit_not_chain', market.tenant], ['settled_not_chain', `${market.tenant} ${node.payee}`], ['credit_not_chain', `${market.tenant} ${node.payee}`]]);
    books.outside.chainDown = true;
    expect(await closes.run()).toMatchObject({ block: null, differences: 1 });
    books.outside.payers = [{ tenant: market.tenant, address: payer, availableUnits: 500n, credits: [] }];
  });

  it('names usage that is not the sum of the charges, and balances that are not the sum of their postings', async () => {
    const one = ended(21);
    await one.book();
    books.outside.log(one.facts);
    await asOwner('UPDATE billing.usage_hours SET amount_nanos = amount_nanos + 1 WHERE tenant = $1', [market.tenant]);
    await asOwner('UPDATE billing.accounts SET balance = balance + 1 WHERE code = $1', [`receivable:${market.tenant}`]);
    expect(await named((await closes.run()).number)).toEqual([['balance_not_postings', `receivable:${market.tenant}`], ['usage_not_charges', market.tenant]]);
    await asOwner('UPDATE billing.usage_hours SET amount_nanos = amount_nanos - 1 WHERE tenant = $1', [market.tenant]);
    await asOwner('UPDATE billing.accounts SET balance = balance - 1 WHERE code = $1', [`receivable:${market.tenant}`]);
    expect(await closes.run()).toMatchObject({ differences: 0 });
  });

  it('names an issued invoice that is not what the ledger has of it, or not the sum of what it took in', async () => {
    const one = ended(2_000_000);
    await one.book();
    books.outside.log(one.facts);
    const [actor, seller] = [{ keyId: null, tenant: null } as never, books.ids.uuid()];
    await books.get(PartiesRpc).putSeller({ actor, id: seller, seller: { ...frankfurt, numberPrefix: `X${seller.slice(-6).toUpperCase()}` } });
    await books.get(PartiesRpc).putBuyer({ actor, tenant: market.tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null } });
    const [invoices, nowMs] = [books.get(InvoicesService), books.clock.nowMs()];
    const draft = await invoices.draft(market.tenant, nowMs - dayMs, nowMs + 1_000);
    books.clock.advance(2_000);
    const { number, id } = await invoices.issue(market.tenant, draft.id);
    expect(await closes.run()).toMatchObject({ differences: 0 });
    const differing = async (change: string, back: string): Promise<unknown> => {
      for (const sql of ['ALTER TABLE billing.invoices DISABLE TRIGGER USER', change]) await asOwner(sql, sql === change ? [id] : []);
      const found = (await closes.get((await closes.run()).number)).named;
      for (const sql of [back, 'ALTER TABLE billing.invoices ENABLE TRIGGER USER']) await asOwner(sql, sql === back ? [id] : []);
      return found;
    };
    expect(await differing('UPDATE billing.invoices SET gross_minor = gross_minor + 1 WHERE id = $1', 'UPDATE billing.invoices SET gross_minor = gross_minor - 1 WHERE id = $1')).toEqual([
      { kind: 'invoice_not_ledger', subject: id, detail: `${number}: 10000000 nanos of USD by the document, 0 in the ledger` },
      { kind: 'invoices_not_account', subject: `${market.tenant} USD`, detail: 'issued invoices have 10000000 nanos open, the account 0' },
    ]);
    const said = (nanos: number): string => `UPDATE billing.invoices SET document = jsonb_set(document::jsonb, '{usageNanos}', '"${nanos}"')::text WHERE id = $1`;
    expect(await differing(said(2_000_001), said(2_000_000))).toEqual([
      { kind: 'invoice_not_ledger', subject: id, detail: `${number}: usage of 2000001 nanos by the document, 2000000 taken off what is owed for usage` },
      { kind: 'invoice_not_usage', subject: id, detail: `${number}: usage of 2000001 nanos by the document, 2000000 in charges, adjustments and terms` },
    ]);
    expect(await closes.run()).toMatchObject({ differences: 0 });
  });

  it('names what is owed to payees and is not what charges earned, and statements that are not what the ledger drew and credited', async () => {
    const one = ended(3_000);
    await one.book();
    books.outside.log(one.facts);
    const id = books.ids.uuid();
    await books.get(PayablesService).draw(id, market.tenant);
    expect(await closes.run()).toMatchObject({ differences: 0 });
    const planted = async (sql: string, back: string, parameters: unknown[]): Promise<unknown> => {
      await asOwner(sql, parameters);
      const found = (await closes.get((await closes.run()).number)).named;
      await asOwner(back, parameters);
      return found;
    };
    const charge = (by: string): string => `UPDATE billing.charges SET earned_nanos = amount_nanos ${by} WHERE record = $1`;
    expect(await planted(charge('- 1'), charge(''), [one.facts.record])).toEqual([{ kind: 'payables_not_charges', subject: `${market.tenant} ${node.payee}`, detail: 'charges and shares of them earned 2999 nanos; owed, held, drawn and settled are 3000' }]);
    const line = (column: string, by: string): string => `UPDATE billing.statement_lines SET ${column} = ${column} ${by} WHERE statement = $1`;
    expect(await planted(line('nanos', '+ 1'), line('nanos', '- 1'), [id])).toEqual([
      { kind: 'drawn_not_statements', subject: `${market.tenant} ${node.payee}`, detail: 'unsettled statements say 3001 nanos, the account 3000' },
      { kind: 'statement_not_ledger', subject: id, detail: 'statement of 3001 nanos, drawn are 3000' },
    ]);
    expect(await planted(line('units', '+ 1'), line('units', '- 1'), [id])).toEqual([{ kind: 'statement_not_ledger', subject: id, detail: 'a total of 3 units, its lines come to 4' }]);
    const at = { tx: `0x${'4'.repeat(64)}`, blockHash: `0x${'5'.repeat(64)}`, blockNumber: 1, logIndex: 0 };
    const payer = `0x${'6'.repeat(40)}`;
    await books.get(SettlementService).deposited({ tenant: market.tenant, payer, units: 10n, at });
    await books.get(SettlementService).settled({ statement: id, tenant: market.tenant, payer, totalUnits: 3n, payees: [{ payee: node.payee, units: 3n }], at: { ...at, logIndex: 1 } } as never);
    books.outside.payers.push({ tenant: market.tenant, address: payer, availableUnits: 7n, credits: [{ payee: node.payee, cumulativeUnits: 3n, leftUnits: 3n }] });
    expect(await closes.run()).toMatchObject({ differences: 0 });
    const both = (by: string): string => `WITH s AS (UPDATE billing.statements SET total_units = total_units ${by} WHERE id = $1) ${line('units', by)}`;
    expect(await planted(both('+ 1'), both('- 1'), [id])).toEqual([
      { kind: 'settled_not_ledger', subject: `${market.tenant} ${node.payee}`, detail: 'settled statements say 4 units, credited are 3' },
      { kind: 'settled_not_chain', subject: `${market.tenant} ${node.payee}`, detail: '3 units on chain, 4 in the books' },
    ]);
  });

  it("names what settlement's own comparison with the chain found, one by one", async () => {
    const subject = `0x${'7'.repeat(40)}`;
    books.outside.unreconciled = [{ kind: 'deposits_not_ledger', subject, tenant: null, detail: '501 units on chain, 500 in the books', sinceMs: 1 }];
    expect((await closes.get((await closes.run()).number)).named).toEqual([{ kind: 'tokens_not_reconciled', subject, detail: 'deposits_not_ledger: 501 units on chain, 500 in the books' }]);
    books.outside.unreconciled = [];
    expect(await closes.run()).toMatchObject({ differences: 0 });
  });

  it('names what was measured beside tokens and is not the sum of the charges', async () => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    const usage = { inputTokens: 3, outputTokens: 0, meters: { images: 2 } };
    const facts = completedFacts(admitted, node, 3, { usage, receipt: signedBy(node, admitted, 3, { usage }) });
    await market.book(recordOf(admitted), recordOf(facts));
    books.outside.log(facts);
    await asOwner('UPDATE billing.usage_meters SET quantity = quantity + 1 WHERE tenant = $1', [market.tenant]);
    const { number } = await closes.run();
    expect((await closes.get(number)).named).toMatchObject([{ kind: 'usage_not_charges', subject: market.tenant, detail: 'usage: 3 images, charges: 2' }]);
    await asOwner('UPDATE billing.usage_meters SET quantity = quantity - 1 WHERE tenant = $1', [market.tenant]);
    expect(await closes.run()).toMatchObject({ differences: 0 });
  });

  it('counts what was found of unusual spend since the close before, and calls it no difference', async () => {
    await closes.run();
    const nowMs = books.clock.nowMs();
    await books.within((manager) => books.get(UnusualSpendStore).add(manager, { id: books.ids.uuid(), tenant: market.tenant, project: null, model: null, window: 'hour', fromMs: nowMs, direction: 'above', spentNanos: 9n, usualNanos: 1n, spreadNanos: 0n, samples: 7, foundAtMs: nowMs }));
    const close = await closes.run();
    expect(close).toMatchObject({ unusualSpend: 1, differences: 0 });
    expect(await closes.get(close.number)).toMatchObject({ unusualSpend: 1 });
    expect(await closes.run()).toMatchObject({ unusualSpend: 0 });
  });

  it('happens once at a time: of several at once the others are refused, and numbers have no gap', async () => {
    const before = (await closes.run()).number;
    const results = await Promise.allSettled([closes.run(), closes.run(), closes.run()]);
    const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.number] : []));
    expect(done.length).toBeGreaterThan(0);
    expect([...done].sort((a, b) => a - b)).toEqual(done.map((_, index) => before + 1 + index));
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'CONFLICT' });
  });

  it('is made once a day by itself', async () => {
    const timer = books.get(CloseTimer);
    const newest = async (): Promise<number> => (await closes.list({ limit: 1 })).data[0]!.number;
    const before = await newest();
    await timer.runOnce();
    expect(await newest()).toBe(before);
    books.clock.advance(dayMs);
    await timer.runOnce();
    await timer.runOnce();
    expect(await newest()).toBe(before + 1);
    const at = (text: string): number => Date.parse(text);
    expect([isDue(at('2026-01-02T00:09:59Z'), at('2026-01-01T12:00:00Z'), 10), isDue(at('2026-01-02T00:10:00Z'), at('2026-01-01T12:00:00Z'), 10), isDue(at('2026-01-02T00:11:00Z'), at('2026-01-02T00:10:00Z'), 10)]).toEqual([false, true, false]);
  });

  it('is paged, and an unknown one is not found', async () => {
    const [first] = (await closes.list({ limit: 1 })).data;
    const { data, hasMore } = await closes.list({ after: String(first!.number), limit: 2 });
    expect([data.map(({ number }) => first!.number - number), hasMore]).toEqual([[1, 2], true]);
    await expect(closes.get(9_999)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(closes.list({ after: 'x', limit: 1 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('names an organisation whose usage of ended months nobody can be invoiced for, until its buyer is known', async () => {
    const one = ended(30);
    await one.book();
    books.outside.log(one.facts);
    const ofMarket = async () => (await closes.get((await closes.run()).number)).named.filter(({ subject }) => subject === market.tenant);
    expect(await ofMarket()).toEqual([]);
    books.clock.advance(31 * dayMs);
    expect(await ofMarket()).toEqual([{ kind: 'usage_without_buyer', subject: market.tenant, detail: expect.stringMatching(/^1 charges of 30 nanos/) }]);
    const [actor, seller] = [{ keyId: null, tenant: null } as never, books.ids.uuid()];
    await books.get(PartiesRpc).putSeller({ actor, id: seller, seller: frankfurt });
    await books.get(PartiesRpc).putBuyer({ actor, tenant: market.tenant, seller, buyer: bank });
    expect(await ofMarket()).toEqual([]);
  });
});
