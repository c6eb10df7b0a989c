import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { billedAtto } from '#protocol';
import type { CostLine } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { openBilledMarket, openInvoicing, toMs } from '../invoices/billed-market-harness.js';
import { InvoicesRpc } from '../invoices/invoices.rpc.js';
import { joinNode } from '../records-harness.js';
import type { TestNode } from '../records-harness.js';
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
        for (const { number, kind, grossMinor } of issued) {
          const own = lines.filter(({ invoice }) => invoice === number);
          expect(own.reduce((sum, line) => sum + billedAtto(line), 0n)).toBe((kind === 'invoice' ? grossMinor : -grossMinor) * attoPerMinor);
          for (const line of own) expect(line).toMatchObject({ issuer: 'Mizan Europe GmbH', billed: { currency } });
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
});
