import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { invoiceCurrency } from './invoice-currency.js';
import { base64, label, nanos, pageRequest, sha256Hex, timeMs, uuid } from './scalars.js';

/** Hundredths of a currency: a decimal string on the wire, a bigint in code. */
export const minorUnits = nanos;

/** A time that a document can name by its day. */
export const documentMs = timeMs.max(Date.UTC(10_000, 0) - 1, 'a time before the year 10000');

const country = z.string().regex(/^[A-Z]{2}$/, 'an ISO 3166-1 country code in capitals');
const vatId = z.string().regex(/^[A-Z0-9]{4,20}$/, 'a VAT number without spaces, in capitals');
/** Where electronic invoices go: a scheme of the EAS list (`0088`, `EM` …) and the address in it. */
const electronicAddress = z.object({ scheme: z.string().regex(/^(\d{4}|EM)$/, 'four digits, or EM for e-mail'), id: label });
const address = z.object({ street: label, city: label, postalCode: z.string().trim().min(1).max(20), country });

/** A legal entity that sells. */
export const seller = z.object({
  name: label,
  /** Its number in the register of companies: BT-30. */
  registrationId: label,
  ...address.shape,
  /** `null`: not registered for VAT. */
  vatId: vatId.nullable(),
  electronicAddress,
  bank: z.object({ iban: z.string().regex(/^[A-Z]{2}\d{2}[A-Z0-9]{10,30}$/, 'an IBAN without spaces'), bic: z.string().regex(/^[A-Z0-9]{8}([A-Z0-9]{3})?$/, 'a BIC') }).nullable(),
  /** How its invoice numbers begin. */
  numberPrefix: z.string().regex(/^[A-Z0-9]{1,8}$/, 'one to eight capitals and digits'),
});
export type Seller = z.output<typeof seller>;

/** Whom an organisation's invoices are made out to, and how. */
export const buyer = z
  .object({
    name: label,
    ...address.shape,
    vatId: vatId.nullable(),
    electronicAddress,
    /** One of the two goes on each invoice: BT-10, BT-13. */
    buyerReference: label.nullable(),
    orderReference: label.nullable(),
    currency: invoiceCurrency,
    termsDays: z.int().min(0).max(180),
    /** Why it pays no VAT at home, in the words of the law; `null` for most. */
    exemption: label.nullable(),
  })
  .refine(({ buyerReference, orderReference }) => buyerReference !== null || orderReference !== null, { message: 'name a buyer reference or an order reference', path: ['buyerReference'] });
export type Buyer = z.output<typeof buyer>;

/** How many nano-units of a currency one dollar is worth from a moment on, and who says so. */
export const exchangeRate = z.object({ currency: invoiceCurrency, nanosPerUsd: nanos.refine((value) => value > 0n && value < 2n ** 63n, 'between 1 and 2^63 − 1'), validFromMs: timeMs, source: label });
/** One that is given now: from a time that a document can name. */
export const newExchangeRate = exchangeRate.extend({ validFromMs: documentMs });
export type ExchangeRate = z.output<typeof exchangeRate>;

export const taxCategories = ['S', 'Z', 'E', 'AE', 'O'] as const;
/** VAT of one category and rate, as UNCL5305 names it: standard, zero-rated, exempt, reverse charge, outside its scope. */
export const taxLine = z.object({
  category: z.enum(taxCategories),
  /** 1900 = 19 %. */
  rateBasisPoints: z.int().min(0).max(10_000),
  baseMinor: minorUnits,
  taxMinor: minorUnits,
  /** Why no tax is asked for: a VATEX code and words. */
  reasonCode: z.string().nullable(),
  reason: z.string().nullable(),
  /** The law or table that the rate follows from. */
  source: z.string(),
});
export type TaxLine = z.output<typeof taxLine>;

/** `net = quantity ÷ per × price`, in the invoice's currency, rounded once. */
export const invoiceLine = z.object({
  id: z.int().positive(),
  name: z.string(),
  detail: z.string(),
  quantity: nanos,
  per: nanos,
  priceNanos: nanos,
  netMinor: minorUnits,
});
export type InvoiceLine = z.output<typeof invoiceLine>;

const date = z.iso.date();

/** What an invoice or credit note says. Once issued it never changes. */
export const invoiceDocument = z.object({
  v: z.literal(1),
  id: uuid,
  tenant: uuid,
  kind: z.enum(['invoice', 'credit_note']),
  /** `null` until issued. */
  number: z.string().nullable(),
  issueDate: date,
  dueDate: date,
  /** First and last day, in UTC. */
  periodFrom: date,
  periodTo: date,
  currency: invoiceCurrency,
  rate: exchangeRate,
  seller,
  buyer,
  lines: z.array(invoiceLine),
  tax: z.array(taxLine),
  netMinor: minorUnits,
  taxMinor: minorUnits,
  grossMinor: minorUnits,
  /** The tax in the currency of the seller's country, where the law asks for it. */
  taxHome: z.object({ currency: invoiceCurrency, taxMinor: minorUnits, rate: exchangeRate }).nullable(),
  /** What the lines stand for in the books. */
  usageNanos: nanos,
  corrects: z.object({ id: uuid, number: z.string(), issueDate: date, reason: label }).nullable(),
  /** Of an invoice: what the buyer's credit balance paid of it when it was issued; left out: nothing. */
  prepaidMinor: minorUnits.optional(),
  /** Of a credit note: how much of it was paid before, and is in the buyer's credit balance now; left out: nothing. */
  toBalanceMinor: minorUnits.optional(),
});
export type InvoiceDocument = z.output<typeof invoiceDocument>;

export const invoiceStates = ['draft', 'issued', 'partly_paid', 'paid'] as const;
export const invoice = z.object({
  id: uuid,
  tenant: uuid,
  kind: invoiceDocument.shape.kind,
  state: z.enum(invoiceStates),
  number: z.string().nullable(),
  periodFromMs: timeMs,
  periodToMs: timeMs,
  /** A draft is issued by itself after this. */
  issueAfterMs: timeMs,
  issuedAtMs: timeMs.nullable(),
  currency: invoiceCurrency,
  netMinor: minorUnits,
  taxMinor: minorUnits,
  grossMinor: minorUnits,
  paidMinor: minorUnits,
  creditedMinor: minorUnits,
  /** Of what was paid: credited afterwards, and put into the credit balance. `due = gross − paid − credited + returned`. Left out by books of the release before: nothing. */
  returnedMinor: minorUnits.optional(),
  /** SHA-256 of the document's canonical JSON and of the files; `null` until issued. */
  documentHash: sha256Hex.nullable(),
  pdfHash: sha256Hex.nullable(),
  ublHash: sha256Hex.nullable(),
});
export type Invoice = z.output<typeof invoice>;

export const invoicePayment = z.object({
  /** Of the invoice. */
  ...{ id: uuid, invoice: uuid, amountMinor: minorUnits, reference: z.string(), paidAtMs: timeMs },
  /** What came beyond what was due, and stands to the buyer's credit; left out: nothing. */
  excessMinor: minorUnits.optional(),
  /** By what the chain settled, by bank as somebody told, or from the credit balance. */
  source: z.enum(['chain', 'hand', 'balance']),
  /** Not paid after all: it was wrong, charged back, or the chain took back what paid it. */
  reversal: z.object({ id: uuid, reason: label, atMs: timeMs }).nullable().default(null),
});
export type InvoicePayment = z.output<typeof invoicePayment>;

const ofTenant = z.object({ tenant: uuid, id: uuid });

export const invoiceCalls = {
  putSeller: defineCall('billing', 'invoices.put-seller', { request: z.object({ actor, id: uuid, seller }), reply: z.object({ id: uuid, seller }) }),
  listSellers: defineCall('billing', 'invoices.list-sellers', { request: pageRequest, reply: z.object({ data: z.array(z.object({ id: uuid, seller })), hasMore: z.boolean() }) }),
  /** Errors: NOT_FOUND (the seller), REQUEST_INVALID (a VAT number that is none of the buyer's member state). */
  putBuyer: defineCall('billing', 'invoices.put-buyer', { request: z.object({ actor, tenant: uuid, seller: uuid, buyer }), reply: z.object({ tenant: uuid, seller: uuid, buyer }) }),
  getBuyer: defineCall('billing', 'invoices.get-buyer', { request: z.object({ tenant: uuid }), reply: z.object({ tenant: uuid, seller: uuid, buyer }) }),
  /** A rate once given for a moment stays. Error: CONFLICT. */
  putRate: defineCall('billing', 'invoices.put-rate', { request: z.object({ actor, rate: newExchangeRate }), reply: exchangeRate }),
  /** Newest first within each currency; `after` is `<currency>:<validFromMs>`. */
  listRates: defineCall('billing', 'invoices.list-rates', { request: pageRequest.extend({ currency: invoiceCurrency.optional() }), reply: z.object({ data: z.array(exchangeRate), hasMore: z.boolean() }) }),
  /** The same period again answers the same invoice. Errors: INVOICE_IMPOSSIBLE (no buyer details, no rate), NOTHING_DUE. */
  draft: defineCall('billing', 'invoices.draft', { request: z.object({ tenant: uuid, fromMs: documentMs, toMs: documentMs }), reply: invoice, timeoutMs: 20_000 }),
  /** A draft is gone, and what it would have taken in is for the next one. Errors: NOT_FOUND, CONFLICT (issued). */
  withdraw: defineCall('billing', 'invoices.withdraw', { request: ofTenant, reply: invoice }),
  /** Gives the number, freezes, posts. Again: the same. */
  issue: defineCall('billing', 'invoices.issue', { request: ofTenant, reply: invoice, timeoutMs: 30_000 }),
  /**
   * Credits lines of an issued invoice, paid or not; all that is left of it where none are named. What was paid of them is in the buyer's credit balance then.
   * Idempotent by `id`. Errors: NOT_FOUND, REQUEST_INVALID (more than a line or the invoice has left), NOTHING_DUE, IDEMPOTENCY_MISMATCH.
   */
  credit: defineCall('billing', 'invoices.credit', {
    request: z.object({ tenant: uuid, id: uuid, invoice: uuid, reason: label, lines: z.array(z.object({ line: z.int().positive(), netMinor: minorUnits })).max(400).optional() }),
    reply: invoice,
    timeoutMs: 30_000,
  }),
  /** Idempotent by `id`. What came beyond what is due stands to the buyer's credit where `excessToBalance` says so. Errors: NOT_FOUND, REQUEST_INVALID (more than is due), IDEMPOTENCY_MISMATCH, AMOUNT_OVERFLOW. */
  pay: defineCall('billing', 'invoices.pay', { request: z.object({ actor: actor.optional(), tenant: uuid, invoice: uuid, id: uuid, amountMinor: minorUnits, reference: label, paidAtMs: documentMs, excessToBalance: z.boolean().default(false) }), reply: invoice }),
  /** A payment told by hand was none; the invoice is open again. Idempotent by `id`. Errors: NOT_FOUND, REQUEST_INVALID (not told by hand), CONFLICT (reversed before, or what it was beyond the invoice was used since), IDEMPOTENCY_MISMATCH. */
  reversePayment: defineCall('billing', 'invoices.reverse-payment', { request: z.object({ actor, tenant: uuid, invoice: uuid, payment: uuid, id: uuid, reason: label }), reply: invoice }),
  list: defineCall('billing', 'invoices.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(invoice), hasMore: z.boolean() }) }),
  get: defineCall('billing', 'invoices.get', { request: ofTenant, reply: z.object({ invoice, document: invoiceDocument, payments: z.array(invoicePayment) }), timeoutMs: 20_000 }),
  /** Error: NOT_FOUND before it is issued. */
  file: defineCall('billing', 'invoices.file', { request: ofTenant.extend({ kind: z.enum(['pdf', 'ubl']) }), reply: z.object({ name: z.string(), bytes: base64, sha256: sha256Hex }), timeoutMs: 10_000 }),
} as const;
