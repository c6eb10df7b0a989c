import { formatNanos } from '#kernel';
import type { InvoiceDocument } from '#protocol';
import { grouped, newPdf, numberPages, page, rule, text } from '#pdf';
import type { Pdf } from '#pdf';
import { termsOf } from './invoice-ubl.js';
import { minorText } from './rounding.js';

const columns = [
  { title: 'Description', x: 50, width: 235, align: 'left' },
  { title: 'Quantity', x: 290, width: 85, align: 'right' },
  { title: 'Price', x: 380, width: 95, align: 'right' },
  { title: 'Net', x: 480, width: 65, align: 'right' },
] as const;

const perText = (per: bigint): string => (per === 1n ? '' : per === 1_000_000n ? ' / million' : ` / ${grouped(per)}`);
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
  y = text(pdf, `${seller.street}\n${seller.postalCode} ${seller.city}, ${seller.country}\nRegistered: ${seller.registrationId}${seller.vatId === null ? '' : `\nVAT: ${seller.vatId}`}`, page.left, y + 2);
  const facts = [
    ['Number', document.number ?? 'not given yet'],
    ['Date of issue', document.issueDate],
    ['Period of supply', `${document.periodFrom} to ${document.periodTo}`],
    ...(document.kind === 'invoice' ? [['Due', document.dueDate]] : [['Corrects', `${document.corrects!.number} of ${document.corrects!.issueDate}`]]),
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
  y = text(pdf, `${buyer.name}\n${buyer.street}\n${buyer.postalCode} ${buyer.city}, ${buyer.country}${buyer.vatId === null ? '' : `\nVAT: ${buyer.vatId}`}`, page.left, y + 2);
  return tableHead(pdf, Math.max(y, right) + 24);
}

function tableHead(pdf: Pdf, y: number): number {
  for (const { title, x, width, align } of columns) text(pdf, title, x, y, { width, align, bold: true });
  return rule(pdf, y + 14) + 5;
}

function lines(pdf: Pdf, { lines: all }: InvoiceDocument, from: number): number {
  let y = from;
  for (const line of all) {
    const [name, detail] = [`${line.name}`, line.detail];
    pdf.font('plain').fontSize(9);
    const height = pdf.heightOfString(name, { width: columns[0].width }) + pdf.fontSize(7).heightOfString(detail, { width: columns[0].width }) + 6;
    if (y + height > page.bottom - 20) {
      pdf.addPage();
      y = tableHead(pdf, page.top);
    }
    const below = text(pdf, detail, columns[0].x, text(pdf, name, columns[0].x, y, { width: columns[0].width }), { width: columns[0].width, size: 7 });
    text(pdf, grouped(line.quantity), columns[1].x, y, { width: columns[1].width, align: 'right' });
    text(pdf, `${formatNanos(line.priceNanos)}${perText(line.per)}`, columns[2].x, y, { width: columns[2].width, align: 'right' });
    text(pdf, money(line.netMinor), columns[3].x, y, { width: columns[3].width, align: 'right' });
    y = below + 6;
  }
  return rule(pdf, y) + 6;
}

function foot(pdf: Pdf, document: InvoiceDocument, from: number): void {
  const { currency, tax, taxHome, seller, number, rate, corrects } = document;
  let y = from;
  if (y + 200 > page.bottom) {
    pdf.addPage();
    y = page.top;
  }
  const sum = (name: string, value: string, bold = false): void => {
    const below = text(pdf, name, 250, y, { width: 215, align: 'right', bold });
    text(pdf, value, 470, y, { width: 75, align: 'right', bold });
    y = below + 3;
  };
  sum('Net', money(document.netMinor));
  for (const { category, rateBasisPoints, baseMinor, taxMinor } of tax) sum(`VAT ${category} ${category === 'O' ? '' : `${Number(rateBasisPoints) / 100} % `}on ${money(baseMinor)}`, money(taxMinor));
  sum(document.kind === 'invoice' ? `Total due, ${currency}` : `Total credited, ${currency}`, money(document.grossMinor), true);
  if (taxHome) sum(`VAT in ${taxHome.currency} (${formatNanos(taxHome.rate.nanosPerUsd)} for a dollar, ${taxHome.rate.source})`, money(taxHome.taxMinor));
  const bank = seller.bank ? `Bank transfer to IBAN ${seller.bank.iban}, BIC ${seller.bank.bic}, reference ${number ?? ''}` : `Reference ${number ?? ''}`;
  const words = [
    ...tax.flatMap(({ reason, source }) => [`${reason ?? 'VAT'}: ${source}.`]),
    ...(corrects ? [`Reason: ${corrects.reason}.`] : []),
    ...(currency === 'USD' ? [] : [`Prices were set in US dollars, converted at ${formatNanos(rate.nanosPerUsd)} ${currency} for one (${rate.source}).`]),
    `${termsOf(document)}.`,
    ...(document.kind === 'invoice' ? [`${bank}. What your deposit on chain settles pays the oldest invoice by itself.`] : []),
    `Amounts of lines are rounded to hundredths; document ${document.id}.`,
  ];
  y += 10;
  for (const line of words) y = text(pdf, line, page.left, y, { width: 495, size: 8 }) + 3;
}
