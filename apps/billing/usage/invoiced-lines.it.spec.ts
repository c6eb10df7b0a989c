import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addsUp, billedAtto } from '#protocol';
import type { CostLine } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { openBilledMarket, openInvoicing, toMs } from '../invoices/billed-market-harness.js';
import { InvoicesRpc } from '../invoices/invoices.rpc.js';
import { joinNode } from '../records-harness.js';
import type { TestNode } from '../records-harness.js';
import { ChargesRpc } from '../charges/charges.rpc.js';
import { createDataSource } from '#service';
import { UsageRpc } from './usage.rpc.js';

const attoPerMinor = 10n ** 16n;

describe('lines of cost that are in invoices', () => {
  let books: Books;
  let node: TestNode;

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books, 10n ** 9n);
    await openInvoicing(books);
  });
  afterAll(() => books.close());

  const linesOf = async (tenant: string): Promise<CostLine[]> => {
    const found: CostLine[] = [];
    for (let after: string | undefined; ; ) {
      const { lines, next } = await books.get(UsageRpc).lines({ tenant, fromMs: 0, toMs: Date.parse('2027-01-01'), after });
      found.push(...lines);
      if (next === null) return found;
      after = next;
    }
  };

  it('add up to the total of each invoice and credit note, exactly, whatever was used, late, credited and at which rate', async () => {
    const january = fc.array(fc.integer({ min: 1, max: 9_999_999 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('USD', 'EUR'), january, fc.array(fc.integer({ min: 1, max: 9_999_999 }), { maxLength: 3 }), fc.integer({ min: 0, max: 100 }), async (currency, used, later, percent) => {
        const billed = await openBilledMarket(books, node);
        const { tenant } = billed.market;
        await billed.buy(currency === 'EUR' ? { currency, country: 'DE', vatId: 'DE987654328' } : {});
        for (const usd of used) await billed.use(usd);
        const first = await billed.issue();
        // Of January too, but heard of when its invoice was issued.
        for (const usd of later) await billed.use(usd);
        const issued = [first, ...(later.length === 0 ? [] : [await billed.issue([toMs, Date.parse('2026-02-03')])])];
        const part = ((await billed.get(first.id)).document.lines[0]!.netMinor * BigInt(percent)) / 100n;
        if (part > 0n) issued.push(await books.get(InvoicesRpc).credit({ tenant, id: books.ids.uuid(), invoice: first.id, reason: 'In part', lines: [{ line: 1, netMinor: part }] }) as never);
        const lines = await linesOf(tenant);
        for (const { number, kind, grossMinor, periodFromMs, periodToMs } of issued) {
          const own = lines.filter(({ invoice }) => invoice === number);
          expect(own.reduce((sum, line) => sum + billedAtto(line), 0n)).toBe((kind === 'invoice' ? grossMinor : -grossMinor) * attoPerMinor);
          for (const line of own) expect(line).toMatchObject({ issuer: 'Mizan Europe GmbH', billed: { currency, ...(kind === 'invoice' && { periodFromMs, periodToMs }) } });
        }
        expect(lines.filter(({ invoice }) => invoice === null)).toEqual([]);
      }),
      { seed: 20_260_101, numRuns: 25 },
    );
  });

  it('say the tax and what is credited, with its tax, of the note that does so, and who will bill what is in none', async () => {
    const billed = await openBilledMarket(books, node);
    await billed.buy({ currency: 'EUR', country: 'DE', vatId: 'DE987654328' });
    await billed.use(10_000_000);
    expect((await linesOf(billed.market.tenant)).map(({ issuer, billed: of }) => [issuer, of])).toEqual([['Mizan Europe GmbH', undefined]]);
    const invoice = await billed.issue();
    const note = await books.get(InvoicesRpc).credit({ tenant: billed.market.tenant, id: books.ids.uuid(), invoice: invoice.id, reason: 'Wrong model', lines: [{ line: 1, netMinor: 100n }] });
    const told = (await linesOf(billed.market.tenant)).filter(({ billed: of }) => of?.nanos !== undefined).map(({ meter, invoice: number, model, endpoint, billed: of }) => [meter, number, model, endpoint, of!.nanos]);
    expect(new Set(told)).toEqual(new Set([
      ['credit_note', note.number, invoice.number, 'Wrong model', -1_000_000_000n],
      ['tax', invoice.number, 'VAT', '', 1_710_000_000n],
      ['tax', note.number, 'VAT', invoice.number, -190_000_000n],
    ]));
    expect(await linesOf(books.ids.uuid())).toEqual([]);
  });

  describe('are told charge by charge to those who compare them with the log', () => {
    const period = { fromMs: Date.parse('2026-01-01'), toMs: Date.parse('2026-03-01') };
    const asSuperuser = async (sql: string, values: unknown[]): Promise<void> => {
      const superuser = await createDataSource(books.database.adminUrl, 'billing').initialize();
      await superuser.query(sql, values).finally(() => superuser.destroy());
    };

    it('with the invoice that took each in, its line, and the one that lacks it', async () => {
      const billed = await openBilledMarket(books, node);
      const { tenant } = billed.market;
      const list = async () => (await books.get(ChargesRpc).list({ ...period, tenant, limit: 50 })).data;
      await billed.use(10_000);
      expect(await list()).toMatchObject([{ amountNanos: 10_000_000n, invoice: null, lackedBy: null }]);
      const { number, id } = await billed.issue();
      await billed.use(20_000, Date.parse('2026-01-20'));
      const [one, late] = await list();
      expect(one).toMatchObject({ amountNanos: 10_000_000n, invoice: { id, number }, lackedBy: null, line: { name: 'm' } });
      expect((await billed.get(id)).document.lines.filter(({ name, detail }) => name.startsWith('m: ') && detail === one!.line.detail)).toHaveLength(1);
      expect(late).toMatchObject({ amountNanos: 20_000_000n, invoice: null, lackedBy: number });
      const next = await billed.issue([toMs, Date.parse('2026-02-03')]);
      expect((await list())[1]).toMatchObject({ lackedBy: null, invoice: { id: next.id, number: next.number }, line: { detail: expect.stringContaining('late usage of 2026-01') as unknown } });
      expect((await books.get(ChargesRpc).of({ tenant, records: [late!.record, books.ids.uuid()] })).data).toEqual([(await list())[1]]);
      expect((await books.get(ChargesRpc).of({ tenant: books.ids.uuid(), records: [late!.record] })).data).toEqual([]);
      expect((await books.get(ChargesRpc).invoiced({ ...period, tenant })).data).toMatchObject([{ id, number, usageNanos: 10_000_000n, charges: 1, chargesNanos: 10_000_000n }, { id: next.id, number: next.number, usageNanos: 20_000_000n, charges: 1, chargesNanos: 20_000_000n }]);
    });

    it('page by page, and not by what is no page', async () => {
      const billed = await openBilledMarket(books, node);
      const { tenant } = billed.market;
      for (const usd of [1, 2, 3]) await billed.use(usd);
      const found: unknown[] = [];
      for (let after: string | undefined; ; ) {
        const { data, hasMore } = await books.get(ChargesRpc).list({ ...period, tenant, after, limit: 1 });
        found.push(...data);
        if (!hasMore) break;
        after = `${data[0]!.chargedAtMs}:${data[0]!.record}`;
      }
      expect(found).toEqual((await books.get(ChargesRpc).list({ ...period, tenant, limit: 50 })).data);
      expect(found).toHaveLength(3);
      expect(() => books.get(ChargesRpc).list({ ...period, tenant, after: 'yesterday', limit: 1 })).toThrow(/after/);
    });

    it('and show a charge that was removed, and an invoice that lacks one', async () => {
      const billed = await openBilledMarket(books, node);
      const { tenant } = billed.market;
      for (const usd of [1_000, 2_000]) await billed.use(usd);
      const { id, number } = await billed.issue();
      const [first, second] = (await books.get(ChargesRpc).list({ ...period, tenant, limit: 50 })).data;
      await asSuperuser('DELETE FROM billing.invoiced_charges WHERE record = $1', [first!.record]);
      const sums = async () => (await books.get(ChargesRpc).invoiced({ ...period, tenant })).data[0]!;
      expect(addsUp(await sums())).toBe(false);
      expect((await books.get(ChargesRpc).of({ tenant, records: [first!.record] })).data).toMatchObject([{ invoice: null, lackedBy: number }]);
      await asSuperuser('INSERT INTO billing.invoiced_charges (record, invoice, tenant) VALUES ($1, $2, $3)', [first!.record, id, tenant]);
      expect(addsUp(await sums())).toBe(true);
      await asSuperuser('DELETE FROM billing.charges WHERE record = $1', [second!.record]);
      expect((await books.get(ChargesRpc).of({ tenant, records: [first!.record, second!.record] })).data).toMatchObject([{ record: first!.record }]);
      expect(await sums()).toMatchObject({ charges: 1, usageNanos: 3_000_000n, chargesNanos: first!.amountNanos });
    });
  });
});
