import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { brokenRules } from './en16931-rules-harness.js';
import { creditDocument, documentText, readDocument } from './invoice-document.js';
import { invoiceLines, linesMax } from './invoice-lines.js';
import type { UsageGroup } from './invoice-lines.js';
import { creditNote, id, parties, usage, written } from './invoice-documents-harness.js';
import { invoicePdf, sumsOf, wordsOf } from './invoice-pdf.js';
import { invoiceUbl } from './invoice-ubl.js';
import { fromUsd, toMinor } from './rounding.js';

describe('an invoice', () => {
  it.each(parties)('%s keeps the rules of EN 16931 and Peppol, and so does the credit note for it', (_name, buyer, seller) => {
    const document = written(buyer, seller);
    expect(brokenRules(invoiceUbl(document))).toEqual([]);
    const note = creditNote(document);
    expect(brokenRules(invoiceUbl(note))).toEqual([]);
    expect(note.grossMinor).toBe(note.netMinor + note.taxMinor);
  });

  it('that breaks a rule is caught by it', () => {
    const xml = invoiceUbl(written());
    const broken = (from: RegExp, to: string): string[] => brokenRules(xml.replace(from, to));
    expect(broken(/<cbc:PayableAmount currencyID="EUR">\d/, '<cbc:PayableAmount currencyID="EUR">9')).toContain('BR-CO-16');
    expect(broken(/<cbc:Percent>19.00/, '<cbc:Percent>18.00')).toContain('BR-CO-17');
    expect(broken(/<cac:PartyTaxScheme>[\s\S]*?<\/cac:PartyTaxScheme>/, '')).toContain('BR-S-02');
    expect(broken(/<cbc:BuyerReference>.*<\/cbc:BuyerReference>|<cac:OrderReference>[\s\S]*<\/cac:OrderReference>/g, '')).toContain('PEPPOL-EN16931-R003');
    expect(broken(/<cbc:InvoicedQuantity unitCode="C62">1/, '<cbc:InvoicedQuantity unitCode="C62">2')).toContain('PEPPOL-EN16931-R120');
  });

  it('adds up from lines rounded to hundredths, and its tax is that of the whole', () => {
    const document = written({ currency: 'USD' });
    expect(document.lines.map(({ netMinor }) => netMinor)).toEqual([7_284n, 332n, -1n, 0n]);
    expect(document).toMatchObject({ netMinor: 7_615n, taxMinor: 1_447n, grossMinor: 9_062n, usageNanos: 76_145_171_410n, taxHome: { currency: 'EUR', taxMinor: 1_333n }, dueDate: '2026-12-04', periodTo: '2026-10-31' });
    expect(document.lines[3]!.detail).toContain('late usage of 2026-09');
  });

  it('is never below zero by rounding: what is paid wholly by a credit comes to nothing', () => {
    const off = (amountNanos: bigint): UsageGroup => usage({ meter: 'term', project: 'all projects', quantity: 0n, priceNanos: 0n, amountNanos });
    const of = (amountNanos: bigint): UsageGroup => usage({ quantity: 1_000_000n, priceNanos: amountNanos, amountNanos });
    const paid = written({ currency: 'USD' }, {}, [of(10_004_000_000n), of(5_004_000_000n), off(-15_008_000_000n)]);
    expect(paid).toMatchObject({ netMinor: 0n, taxMinor: 0n, grossMinor: 0n, usageNanos: 0n });
    expect(brokenRules(invoiceUbl(paid))).toEqual([]);
    const amounts = fc.array(fc.bigInt(1n, 50_000_000_000n), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(amounts, fc.bigInt(0n, 10_000n), fc.integer({ min: 1, max: 3 }), fc.bigInt(1n, 5_000_000_000n), (used, shareBasisPoints, parts, nanosPerUsd) => {
        const whole = used.reduce((sum, one) => sum + one, 0n);
        const taken = (whole * shareBasisPoints) / 10_000n;
        const terms = Array.from({ length: parts }, (_, index) => off(index === 0 ? (taken / BigInt(parts)) * BigInt(parts - 1) - taken : -(taken / BigInt(parts))));
        const lines = invoiceLines([...used.map((amountNanos, index) => usage({ model: `m${index}`, amountNanos })), ...terms], nanosPerUsd);
        const net = lines.reduce((sum, { netMinor }) => sum + netMinor, 0n);
        expect(net).toBeGreaterThanOrEqual(0n);
        if (lines.some(({ netMinor }) => netMinor < 0n)) expect(net).toBe(toMinor(fromUsd(whole - taken, nanosPerUsd)));
      }),
    );
  });

  it('reads back from its canonical text as it was', () => {
    const document = written();
    expect(readDocument(documentText(document))).toEqual(document);
  });

  it('with more lines than anyone reads is summed by model, then by project, and never loses a nano', () => {
    const many = Array.from({ length: linesMax + 1 }, (_, index) => usage({ priceNanos: BigInt(index), amountNanos: 10_000_000n }));
    expect(invoiceLines(many, 1_000_000_000n)).toMatchObject([{ netMinor: BigInt(linesMax + 1), quantity: 1n }]);
    expect(invoiceLines(many.map((group, index) => ({ ...group, model: `m${index}`, project: `p${index % 7}` })), 1_000_000_000n)).toHaveLength(7);
    expect(brokenRules(invoiceUbl(written({}, {}, many)))).toEqual([]);
  });

  it('is the same PDF, byte for byte, whenever it is made, with as many pages as it needs', async () => {
    const document = written({ name: 'بنك الراين – Łódź & Söhne' });
    const [once, again] = [await invoicePdf(document), await invoicePdf(document)];
    expect(once.equals(again)).toBe(true);
    expect(once.subarray(0, 5).toString()).toBe('%PDF-');
    expect(once.length).toBeLessThan(100_000);
    const long = await invoicePdf(written({}, {}, Array.from({ length: 90 }, (_, index) => usage({ project: `project ${index}` }))));
    expect([once, long].map((pdf) => pdf.toString('latin1').match(/\/Type \/Page\b/g)!.length)).toEqual([1, 4]);
    if (process.env['MIZAN_KEEP_PDF']) writeFileSync(process.env['MIZAN_KEEP_PDF'], long);
  });

  it('says what is due after the credit balance, who owes the tax under reverse charge, and where a credit note went', () => {
    const [document, abroad] = [written(), written({ country: 'FR', vatId: 'FR32123456789' })];
    const named = (of: Parameters<typeof sumsOf>[0]) => sumsOf(of).map(({ name, value }) => `${name}: ${value}`);
    expect(named({ ...document, prepaidMinor: 100n })).toEqual(['Net: 70.15', 'VAT 19 % on 70.15: 13.33', 'Total, EUR: 83.48', 'Paid from your credit balance: -1.00', 'Amount due, EUR: 82.48']);
    expect(named(abroad)).toEqual(['Net: 70.15', 'Reverse charge: no VAT on 70.15: 0.00', 'Total, EUR: 70.15', 'Amount due, EUR: 70.15']);
    expect(wordsOf(abroad)[0]).toBe('Reverse charge: VAT is to be accounted for by the recipient. VAT: Directive 2006/112/EC, articles 44 and 196.');
    expect(wordsOf(document)).toContain(`Payable within 30 days, by ${document.dueDate}.`);
    expect(wordsOf(document).join(' ')).toContain('IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX, reference MZE-2026-00001');
    expect(wordsOf({ ...document, prepaidMinor: document.grossMinor })).toContain('Nothing is to be paid.');
    const note = { ...creditDocument(document, { id, issueMs: Date.parse('2026-11-20'), reason: 'Wrong price', credited: new Map([[1, 100n]]), before: [] }), number: 'MZE-CN-2026-00001', toBalanceMinor: 119n };
    expect(named(note)).toEqual(['Net: 1.00', 'VAT 19 % on 1.00: 0.19', 'Total credited, EUR: 1.19', 'Of this in your credit balance now: 1.19']);
    expect(wordsOf(note).join(' ')).toMatch(/Reason: Wrong price\..*in your credit balance, which pays your next invoices/);
    expect(brokenRules(invoiceUbl(note))).toEqual([]);
  });

  it('knows its own letters, whatever files were made before it: f and i side by side have the shape of the one sign for both', async () => {
    const [letters, sign] = [await invoicePdf(written({ name: 'Finance, finance' })), await invoicePdf(written({ name: 'Finance, \ufb01nance' }))];
    expect(letters.equals(sign)).toBe(false);
  });
});
