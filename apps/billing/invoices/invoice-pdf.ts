import { formatNanos } from '#kernel';
import type { InvoiceDocument, TaxLine } from '#protocol';
import { grouped, newPdf, numberPages, page, rule, text } from '#pdf';
import type { Pdf } from '#pdf';
import { termsOf } from './invoice-ubl.js';
import { minorText } from './rounding.js';

/** Rows at 8 points: a quantity of thirteen digits, a price of nine decimals for a million and a net of eight digits each fit into a row. */
const columns = {
  id: { title: 'No.', x: 50, width: 22, align: 'left' },
  name: { title: 'Description', x: 74, width: 196, align: 'left' },
  quantity: { title: 'Quantity', x: 272, width: 80, align: 'right' },
  price: { title: 'Price', x: 354, width: 100, align: 'right' },
  vat: { title: 'VAT', x: 456, width: 30, align: 'right' },
  net: { title: 'Net', x: 488, width: 57, align: 'right' },
} as const;

const perText = (per: bigint): string => (per === 1n ? '' : per === 1_000_000n ? ' / million' : ` / ${grouped(per)}`);
/** Germany, not DE. */
const countryName = (code: string): string => new Intl.DisplayNames(['en'], { type: 'region' }).of(code) ?? code;
const percentOf = ({ category, rateBasisPoints }: TaxLine): string => (category === 'O' ? '–' : `${Number(rateBasisPoints) / 100} %`);
/** In fours, as banks print it. */
const ibanOf = (iban: string): string => iban.replaceAll(/(.{4})(?=.)/g, '$1 ');
const money = (minor: bigint): string => grouped(minorText(minor));

/** The invoice as finance departments read it, A4. The same document gives the same bytes: dates come from it, not from a clock. */
export function invoicePdf(document: InvoiceDocument): Promise<Buffer> {
  const { pdf, done } = newPdf({ title: `${titleOf(document)} ${document.number ?? ''}`, author: document.seller.name, atMs: Date.parse(`${document.issueDate}T00:00:00Z`) });
  let y = head(pdf, document);
  y = lines(pdf, document, y);
  foot(pdf, document, y);
  numberPages(pdf, `${document.seller.name}  ·  ${document.number ?? 'draft'}`);
  pdf.end();
  return done;
}

const titleOf = ({ kind, number }: InvoiceDocument): string => (number === null ? 'Draft' : kind === 'invoice' ? 'Invoice' : 'Credit note');

function head(pdf: Pdf, document: InvoiceDocument): number {
  const { seller, buyer } = document;
  let y = text(pdf, seller.name, page.left, page.top, { size: 12, bold: true });
  y = text(pdf, `${seller.street}\n${seller.postalCode} ${seller.city}, ${countryName(seller.country)}\nRegistered: ${seller.registrationId}${seller.vatId === null ? '' : `\nVAT number: ${seller.vatId}`}`, page.left, y + 2);
  const facts = [
    ['Number', document.number ?? 'not given yet'],
    ['Date of issue', document.issueDate],
    ['Period of supply', `${document.periodFrom} to ${document.periodTo}`],
    ...(document.kind === 'invoice' ? [['Due', document.dueDate]] : [['Corrects invoice', document.corrects!.number], ['Issued on', document.corrects!.issueDate]]),
    ...(buyer.buyerReference === null ? [] : [['Your reference', buyer.buyerReference]]),
    ...(buyer.orderReference === null ? [] : [['Your order', buyer.orderReference]]),
    ['Currency', document.currency],
  ];
  let right = text(pdf, titleOf(document), 310, page.top, { size: 20, bold: true, width: 235, align: 'right' }) + 8;
  for (const [name, value] of facts) {
    text(pdf, name!, 310, right, { width: 95 });
    right = text(pdf, value!, 405, right, { width: 140, align: 'right', bold: name === 'Number' }) + 2;
  }
  y = text(pdf, 'Bill to', page.left, y + 22, { bold: true });
  y = text(pdf, `${buyer.name}\n${buyer.street}\n${buyer.postalCode} ${buyer.city}, ${countryName(buyer.country)}${buyer.vatId === null ? '' : `\nVAT number: ${buyer.vatId}`}`, page.left, y + 2);
  return tableHead(pdf, Math.max(y, right) + 24);
}

function tableHead(pdf: Pdf, y: number): number {
  for (const { title, x, width, align } of Object.values(columns)) text(pdf, title, x, y, { width, align, bold: true });
  return rule(pdf, y + 14) + 5;
}

function lines(pdf: Pdf, { lines: all, tax }: InvoiceDocument, from: number): number {
  const cell = (value: string, { x, width, align }: (typeof columns)[keyof typeof columns]): number => text(pdf, value, x, y, { width, align, size: 8 });
  let y = from;
  for (const line of all) {
    const [name, detail] = [`${line.name}`, line.detail];
    const { x, width } = columns.name;
    pdf.font('plain').fontSize(8);
    const height = pdf.heightOfString(name, { width }) + pdf.fontSize(7).heightOfString(detail, { width }) + 6;
    if (y + height > page.bottom - 20) {
      pdf.addPage();
      y = tableHead(pdf, page.top);
    }
    const below = text(pdf, detail, x, text(pdf, name, x, y, { width, size: 8 }), { width, size: 7 });
    cell(String(line.id), columns.id);
    cell(grouped(line.quantity), columns.quantity);
    cell(`${formatNanos(line.priceNanos)}${perText(line.per)}`, columns.price);
    cell(percentOf(tax[0]!), columns.vat);
    cell(money(line.netMinor), columns.net);
    y = below + 6;
  }
  return rule(pdf, y) + 6;
}

/** What tax is of, in words: reverse charge and exemptions are told where the tax would stand. */
const taxName = (line: TaxLine): string => (line.category === 'S' || line.category === 'Z' ? `VAT ${percentOf(line)} on ${money(line.baseMinor)}` : `${line.reason ?? 'No VAT'}: no VAT on ${money(line.baseMinor)}`);

interface Sum {
  readonly name: string;
  readonly value: string;
  readonly isBold?: boolean;
}

/** What stands below the lines, in this order. */
export function sumsOf({ currency, tax, taxHome, kind, netMinor, grossMinor, prepaidMinor = 0n, toBalanceMinor = 0n }: InvoiceDocument): Sum[] {
  const isInvoice = kind === 'invoice';
  return [
    { name: 'Net', value: money(netMinor) },
    ...tax.map((line) => ({ name: taxName(line), value: money(line.taxMinor) })),
    { name: `${isInvoice ? 'Total' : 'Total credited'}, ${currency}`, value: money(grossMinor), isBold: true },
    ...(prepaidMinor > 0n ? [{ name: 'Paid from your credit balance', value: money(-prepaidMinor) }] : []),
    ...(isInvoice ? [{ name: `Amount due, ${currency}`, value: money(grossMinor - prepaidMinor), isBold: true }] : []),
    ...(toBalanceMinor > 0n ? [{ name: 'Of this in your credit balance now', value: money(toBalanceMinor) }] : []),
    ...(taxHome ? [{ name: `VAT in ${taxHome.currency} (${formatNanos(taxHome.rate.nanosPerUsd)} for a dollar, ${taxHome.rate.source})`, value: money(taxHome.taxMinor) }] : []),
  ];
}

function foot(pdf: Pdf, document: InvoiceDocument, from: number): void {
  let y = from;
  if (y + 220 > page.bottom) {
    pdf.addPage();
    y = page.top;
  }
  for (const { name, value, isBold: bold = false } of sumsOf(document)) {
    const below = text(pdf, name, 200, y, { width: 265, align: 'right', bold });
    text(pdf, value, 470, y, { width: 75, align: 'right', bold });
    y = below + 3;
  }
  y += 10;
  for (const line of wordsOf(document)) y = text(pdf, line, page.left, y, { width: 495, size: 8 }) + 3;
}

/** What the law and the bank want to read, a sentence or two each. */
export function wordsOf(document: InvoiceDocument): string[] {
  const { currency, tax, seller, number, rate, corrects, kind } = document;
  const bank = seller.bank ? `Bank transfer to ${seller.name}, IBAN ${ibanOf(seller.bank.iban)}, BIC ${seller.bank.bic}, reference ${number ?? ''}` : `Reference ${number ?? ''}`;
  const owedBy = (category: TaxLine['category']): string => (category === 'AE' ? 'Reverse charge: VAT is to be accounted for by the recipient. ' : '');
  return [
    ...tax.map(({ category, reason, source }) => `${owedBy(category)}${category === 'AE' || reason === null ? 'VAT' : reason}: ${source}.`),
    ...(corrects ? [`Reason: ${corrects.reason}.`] : []),
    ...(currency === 'USD' ? [] : [`Prices were set in US dollars, converted at ${formatNanos(rate.nanosPerUsd)} ${currency} for one (${rate.source}).`]),
    `${termsOf(document)}.`,
    ...(kind === 'invoice' ? [`${bank}. What your deposit on chain settles pays the oldest invoice by itself.`] : []),
    `Amounts of lines are rounded to hundredths; document ${document.id}.`,
  ];
}
