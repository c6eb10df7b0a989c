import type { Buyer, InvoiceDocument, Seller } from '#protocol';
import { bank, frankfurt } from '../invoices-harness.js';
import { creditDocument, draftDocument } from './invoice-document.js';
import type { UsageGroup } from './invoice-lines.js';

export const id = '11111111-1111-4111-8111-111111111111';
export const usage = (over: Partial<UsageGroup> = {}): UsageGroup => ({ project: 'mail', model: 'llama-3-70b', endpoint: 'chat/completions', meter: 'input_tokens', lateMonth: null, quantity: 123_456_789n, priceNanos: 590_000_000n, amountNanos: 72_839_505_510n, ...over });
const groups = [usage(), usage({ meter: 'output_tokens', quantity: 4_200_000n, priceNanos: 790_000_000n, amountNanos: 3_318_000_000n }), usage({ meter: 'difference', quantity: 0n, priceNanos: 0n, amountNanos: -12_340_000n }), usage({ lateMonth: '2026-09', quantity: 10n, amountNanos: 5_900n })];
const rate = { currency: 'EUR' as const, nanosPerUsd: 921_300_000n, validFromMs: 0, source: 'ECB reference rate of 2026-10-30' };
const dollar = { currency: 'USD' as const, nanosPerUsd: 1_000_000_000n, validFromMs: 0, source: 'the dollar itself' };
/** An invoice as it is issued, to whom and by whom is asked for. */
export const written = (buyer: Partial<Buyer> = {}, seller: Partial<Seller> = {}, of: readonly UsageGroup[] = groups): InvoiceDocument => {
  const party = { ...bank, ...buyer };
  const used = party.currency === 'USD' ? dollar : { ...rate, currency: party.currency };
  const draft = { id, tenant: id, seller: { ...frankfurt, ...seller }, buyer: party, fromMs: Date.parse('2026-10-01'), toMs: Date.parse('2026-11-01'), issueMs: Date.parse('2026-11-04T10:00:00Z'), rate: used, homeRate: party.currency === 'USD' && seller.vatId !== null ? rate : null, groups: of };
  return { ...draftDocument(draft), number: 'MZE-2026-00001' };
};

/** A credit note for a part of its first line and the whole of its second, numbered. */
export const creditNote = (of: InvoiceDocument): InvoiceDocument => ({ ...creditDocument(of, { id, issueMs: Date.parse('2026-11-20'), reason: 'Wrong price', credited: new Map([[1, 100n], [2, of.lines[1]!.netMinor]]), before: [] }), number: 'MZE-CN-2026-00001' });

/** Every way in which our documents are taxed. */
export const parties: [string, Partial<Buyer>, Partial<Seller>][] = [
  ['at home, in euros', {}, {}],
  ['in dollars, with the tax in euros as well', { currency: 'USD' }, {}],
  ['under reverse charge', { country: 'FR', vatId: 'FR32123456789' }, {}],
  ['outside the scope of VAT', { country: 'US', vatId: null }, {}],
  ['to an exempt buyer', { exemption: 'Exempt under § 4 UStG' }, {}],
  ['in Riyadh', { country: 'SA', vatId: 'SA300000000000003', name: 'بنك الرياض', currency: 'SAR' }, { country: 'SA', vatId: 'SA310000000000003' }],
  ['exported from Dubai', { country: 'SA', vatId: null, currency: 'USD' }, { country: 'AE', vatId: 'AE100000000000003', bank: null }],
  ['of a seller without VAT', { orderReference: null }, { vatId: null }],
];
