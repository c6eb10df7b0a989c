import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import { failure, invoiceDocument } from '#protocol';
import type { Buyer, ExchangeRate, InvoiceDocument, Seller } from '#protocol';
import { invoiceLines } from './invoice-lines.js';
import type { UsageGroup } from './invoice-lines.js';
import { dividedHalfUp, taxOn } from './rounding.js';
import { homeCurrency } from './tax-rates.js';
import { taxRule } from './tax-rule.js';

const dayMs = 86_400_000;
export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

export interface InvoiceInput {
  readonly id: string;
  readonly tenant: string;
  readonly seller: Seller;
  readonly buyer: Buyer;
  readonly fromMs: number;
  readonly toMs: number;
  readonly issueMs: number;
  readonly rate: ExchangeRate;
  /** For the tax in the seller's own currency; `null` where it has none, or the same. */
  readonly homeRate: ExchangeRate | null;
  readonly groups: readonly UsageGroup[];
}

/** The currency in which the tax must be told as well, where it is not the invoice's. */
export function homeCurrencyOf(seller: Seller, currency: string): ExchangeRate['currency'] | null {
  const home = homeCurrency[seller.country];
  return seller.vatId === null || home === undefined || home === currency ? null : home;
}

/** An invoice without its number. Error: INVOICE_IMPOSSIBLE. */
export function draftDocument({ id, tenant, seller, buyer, fromMs, toMs, issueMs, rate, homeRate, groups }: InvoiceInput): InvoiceDocument {
  const lines = invoiceLines(groups, rate.nanosPerUsd);
  const usageNanos = groups.reduce((sum, { amountNanos }) => sum + amountNanos, 0n);
  const periodTo = dayOf(toMs - 1);
  const rule = taxRule(seller, buyer, periodTo);
  return {
    ...{ v: 1, id, tenant, kind: 'invoice', number: null, seller, buyer, lines, rate, usageNanos, periodTo, corrects: null },
    issueDate: dayOf(issueMs),
    dueDate: dayOf(issueMs + buyer.termsDays * dayMs),
    periodFrom: dayOf(fromMs),
    currency: buyer.currency,
    ...totals(lines, rule, rate, homeRate),
  };
}

interface Taxed {
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
}
const untaxed: Taxed = { netMinor: 0n, taxMinor: 0n };

/** `before`: what earlier notes credited. Tax is on all of it together, so that notes of parts add up to the tax of the whole. */
function totals(lines: InvoiceDocument['lines'], rule: Omit<InvoiceDocument['tax'][number], 'baseMinor' | 'taxMinor'>, rate: ExchangeRate, homeRate: ExchangeRate | null, before = untaxed): Pick<InvoiceDocument, 'tax' | 'netMinor' | 'taxMinor' | 'grossMinor' | 'taxHome'> {
  const netMinor = lines.reduce((sum, line) => sum + line.netMinor, 0n);
  const taxMinor = taxOn(before.netMinor + netMinor, rule.rateBasisPoints) - before.taxMinor;
  return {
    tax: [{ ...rule, baseMinor: netMinor, taxMinor }],
    ...{ netMinor, taxMinor, grossMinor: netMinor + taxMinor },
    taxHome: homeRate === null || rule.category !== 'S' ? null : { currency: homeRate.currency, taxMinor: dividedHalfUp(taxMinor * homeRate.nanosPerUsd, rate.nanosPerUsd), rate: homeRate },
  };
}

export interface CreditInput {
  readonly id: string;
  readonly issueMs: number;
  readonly reason: string;
  /** What is credited of each line, by its id. */
  readonly credited: ReadonlyMap<number, bigint>;
  /** Credit notes of the same invoice from before. */
  readonly before: readonly InvoiceDocument[];
}

/** A credit note for lines of an issued invoice, taxed as that was. */
export function creditDocument(of: InvoiceDocument, { id, issueMs, reason, credited, before }: CreditInput): InvoiceDocument {
  const lines = of.lines.flatMap((line) => {
    const netMinor = credited.get(line.id) ?? 0n;
    if (netMinor === 0n) return [];
    if (netMinor === line.netMinor) return [line];
    return [{ ...line, detail: `${line.detail}, in part`, quantity: netMinor < 0n ? -1n : 1n, per: 1n, priceNanos: (netMinor < 0n ? -netMinor : netMinor) * 10_000_000n, netMinor }];
  });
  if (lines.length === 0) throw failure('NOTHING_DUE', 'nothing of this invoice is left to be credited', { invoice: of.id });
  const { baseMinor: _base, taxMinor: _tax, ...rule } = of.tax[0]!;
  const { prepaidMinor: _prepaid, ...same } = of;
  const credits = before.reduce<Taxed>((sum, note) => ({ netMinor: sum.netMinor + note.netMinor, taxMinor: sum.taxMinor + note.taxMinor }), untaxed);
  const day = dayOf(issueMs);
  return {
    ...same,
    ...{ id, kind: 'credit_note', number: null, issueDate: day, dueDate: day, lines, usageNanos: 0n },
    ...totals(lines, rule, of.rate, of.taxHome?.rate ?? null, credits),
    corrects: { id: of.id, number: of.number!, issueDate: of.issueDate, reason },
  };
}

/** Canonical JSON, so that its hash follows from what it says. */
export const documentText = (document: InvoiceDocument): string => canonicalJson(z.encode(invoiceDocument, document));
export const readDocument = (text: string): InvoiceDocument => z.decode(invoiceDocument, JSON.parse(text) as z.input<typeof invoiceDocument>);
export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
