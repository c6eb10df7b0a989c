import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { creditNote, parties, usage, written } from './invoice-documents-harness.js';
import { invoiceUbl } from './invoice-ubl.js';
import { schematronOf } from './schematron-harness.js';

const excerpt = 'apps/billing/invoices/en16931-excerpt.sch';
/** `EN16931-UBL-validation-preprocessed.sch`, as the European Commission publishes it under the EUPL: not ours to keep here. */
const file = process.env['EN16931_SCHEMATRON'] ?? excerpt;
/** The official file has a thousand assertions, all of them compiled at the first document. */
const officialMs = 300_000;

describe(`the Schematron ${file === excerpt ? 'excerpt (EN16931_SCHEMATRON names the official one)' : file}`, () => {
  let violated: (xml: string) => string[];
  beforeAll(() => {
    violated = schematronOf(readFileSync(file, 'utf8'));
  });

  it.each(parties)('holds for an invoice %s, one that was paid in part from a balance, and a credit note for it', (_name, buyer, seller) => {
    const document = written(buyer, seller);
    for (const one of [document, { ...document, prepaidMinor: 100n }, creditNote(document)]) expect(violated(invoiceUbl(one))).toEqual([]);
  }, officialMs);

  it('names the rules that a document violates', () => {
    const xml = invoiceUbl(written());
    const broken = (from: RegExp | string, to: string): string[] => violated(xml.replaceAll(from, to));
    expect(broken(/(<cbc:PayableAmount currencyID="EUR">)\d+/g, '$19')).toContain('BR-CO-16');
    expect(broken(/(<cbc:TaxInclusiveAmount currencyID="EUR">)\d+/g, '$19')).toEqual(expect.arrayContaining(['BR-CO-15', 'BR-CO-16']));
    expect(broken(/(<cbc:LineExtensionAmount currencyID="EUR">)(?=[\d.]+<\/cbc:LineExtensionAmount>\s*<cac:Item>)/g, '$19')).toContain('BR-CO-10');
    expect(broken('<cbc:ID>S</cbc:ID>', '<cbc:ID>Q</cbc:ID>')).toContain('BR-CL-17');
    expect(violated(invoiceUbl(written({ country: 'FR', vatId: 'FR32123456789' })).replaceAll(/<cbc:TaxExemptionReason.*>/g, ''))).toContain('BR-AE-10');
  }, officialMs);

  it('adds lines up to the hundredth: three tenths are three tenths, and a hundredth more is not', () => {
    const tenths = (...amounts: bigint[]) => amounts.map((tenth) => usage({ amountNanos: tenth * 100_000_000n }));
    const xml = invoiceUbl(written({ country: 'FR', vatId: 'FR32123456789', currency: 'USD' }, {}, tenths(1n, 2n)));
    expect(violated(xml)).toEqual([]);
    expect(violated(xml.replaceAll(/(<cbc:TaxableAmount currencyID="USD">)0.30/g, '$10.31'))).toContain('BR-AE-08');
  }, officialMs);
});
