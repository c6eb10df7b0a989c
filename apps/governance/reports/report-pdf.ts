import { createHash } from 'node:crypto';
import { canonicalJson, formatNanos } from '#kernel';
import { grouped, newPdf, numberPages, page, rule, text, type Pdf } from '#pdf';
import type { SignedReport } from '#protocol';
import { monthBounds } from './month.js';

interface Column {
  readonly title: string;
  readonly width: number;
  readonly isNumber?: boolean;
}

const usd = (nanos: string): string => grouped(formatNanos(BigInt(nanos)));
const minor = (hundredths: string, currency: string | null): string => `${formatNanos(BigInt(hundredths) * 10_000_000n)}${currency === null ? '' : ` ${currency}`}`;
const moveNames: Readonly<Record<string, string>> = { 'payment.noted': 'Paid', 'payment.reversed': 'Reversed', 'refund.changed': 'Refund' };
const number = (value: number): string => grouped(BigInt(value));

/** The report as auditors file it, A4. The same report gives the same bytes. */
export function reportPdf({ report, note, logKey }: SignedReport): Promise<Buffer> {
  const { organisation, month, log, payments, supplement } = report;
  const title = supplement === undefined ? `Audit report ${month}` : `Audit report ${month}, supplement ${supplement.number}`;
  const { pdf, done } = newPdf({ title: `${title}: ${organisation.name}`, author: log.origin, atMs: monthBounds(month).untilMs });
  let y = text(pdf, title, page.left, page.top, { size: 18, bold: true, width: 495 });
  y = text(pdf, `${organisation.name} · organisation ${organisation.id}\nRead from the log ${log.origin} at ${number(log.size)} entries, of which ${number(log.entries)} are this organisation's in the month (${log.first ?? '–'} to ${log.last ?? '–'}). ${number(log.unreadable)} bodies did not open, ${number(log.erased)} have a part that was erased.`, page.left, y + 4, { width: 495 }) + 8;
  if (supplement !== undefined) y = late(pdf, y, supplement);
  y = table(pdf, y, 'What ran where', [{ title: 'Model', width: 130 }, { title: 'Network, region', width: 110 }, { title: 'Law', width: 55 }, { title: 'Known by', width: 55 }, { title: 'Requests', width: 55, isNumber: true }, { title: 'Charged', width: 90, isNumber: true }],
    report.ran.map((row) => [row.model, `${row.network}, ${row.region}`, `${row.jurisdiction} (${row.country})`, row.evidence, number(row.requests), `${usd(row.chargeNanos)}${row.currency === undefined ? '' : ` ${row.currency}`}`]));
  y = table(pdf, y, 'Under which law', [{ title: 'Jurisdiction', width: 130 }, { title: 'Data class', width: 130 }, { title: 'Policy version', width: 110, isNumber: true }, { title: 'Requests', width: 125, isNumber: true }],
    report.law.map((row) => [row.jurisdiction, row.dataClass, String(row.policyVersion), number(row.requests)]));
  y = table(pdf, y, 'Refusals', [{ title: 'Code', width: 150 }, { title: 'Policies', width: 245 }, { title: 'Requests', width: 100, isNumber: true }], report.refusals.map((row) => [row.code, row.policies.join(', '), number(row.requests)]));
  y = table(pdf, y, 'Overrides: declared class raised by what was found', [{ title: 'Declared', width: 195 }, { title: 'Handled as', width: 195 }, { title: 'Requests', width: 105, isNumber: true }], report.overrides.map((row) => [row.declaredClass, row.dataClass, number(row.requests)]));
  y = table(pdf, y, `Approvals and reads by people: ${number(report.approvalsTotal)}`, [{ title: 'Time', width: 95 }, { title: 'What', width: 90 }, { title: 'Key', width: 165 }, { title: 'Detail', width: 145 }],
    report.approvals.map((row) => [new Date(row.timeMs).toISOString().slice(0, 16).replace('T', ' '), row.type, row.key ?? 'the deployment', row.what]));
  y = table(pdf, y, 'Payments', [{ title: 'Kind', width: 95 }, { title: 'Reference', width: 260 }, { title: 'Amount', width: 140, isNumber: true }], [
    ...payments.charges.map(({ currency, chargeNanos }) => ['Charges', currency, usd(chargeNanos)]),
    ...payments.settled.map(({ id, units, tx }) => ['Settled on chain', tx ?? id, `${grouped(units)} units`]),
    ...payments.invoices.map(({ id, number: of, kind, grossMinor, currency }) => [kind === 'credit_note' ? 'Credit note' : 'Invoice', of ?? id, grossMinor === undefined ? '' : minor(grossMinor, currency ?? null)]),
    ...(payments.moves ?? []).map(({ type, reference, amountMinor, currency }) => [moveNames[type] ?? type, reference ?? '', minor(amountMinor, currency)]),
    ...(payments.totals ?? []).map(({ currency, ...sums }) => ['In all', `${currency}: invoiced, credited, paid, reversed, refunded`, [sums.invoicedMinor, sums.creditedMinor, sums.paidMinor, sums.reversedMinor, sums.refundedMinor].map((sum) => minor(sum, null)).join(', ')]),
  ]);
  signature(pdf, y, { sha256: createHash('sha256').update(canonicalJson(report)).digest('hex'), note, logKey });
  numberPages(pdf, `${organisation.name}  ·  ${title.charAt(0).toLowerCase()}${title.slice(1)}`);
  pdf.end();
  return done;
}

/** What a supplement is of. */
function late(pdf: Pdf, from: number, { continues, fromIndex, late: entries }: NonNullable<SignedReport['report']['supplement']>): number {
  const y = text(pdf, `These entries came into the log, from entry ${number(fromIndex)} on, after the report of their month was made. It is not changed: this continues what has the SHA-256 ${continues}, and counts nothing that is in it.`, page.left, from, { width: 495 }) + 4;
  return table(pdf, y, 'What came late', [{ title: 'Entry', width: 70, isNumber: true }, { title: 'Time', width: 120 }, { title: 'What', width: 105 }, { title: 'Record', width: 200 }],
    entries.map((entry) => [number(entry.index), new Date(entry.timeMs).toISOString().slice(0, 19).replace('T', ' '), entry.type, entry.id]));
}

function table(pdf: Pdf, from: number, title: string, columns: readonly Column[], rows: readonly (readonly string[])[]): number {
  let y = text(pdf, title, page.left, room(pdf, from + 8, 60), { size: 11, bold: true, width: 495 }) + 3;
  y = rule(pdf, line(pdf, y, columns, columns.map((column) => column.title), true)) + 3;
  for (const row of rows) y = line(pdf, room(pdf, y, 30), columns, row, false);
  return rows.length === 0 ? text(pdf, 'none', page.left, y) : y;
}

function line(pdf: Pdf, y: number, columns: readonly Column[], cells: readonly string[], bold: boolean): number {
  let x: number = page.left;
  let below = y;
  columns.forEach(({ width, isNumber }, at) => {
    below = Math.max(below, text(pdf, cells[at]!, x, y, { width: width - 6, size: 8, bold, align: isNumber === true ? 'right' : 'left' }));
    x += width;
  });
  return below + 2;
}

/** Where there is so much room: here, or on a new page. */
function room(pdf: Pdf, y: number, height: number): number {
  if (y + height <= page.bottom) return y;
  pdf.addPage();
  return page.top;
}

function signature(pdf: Pdf, from: number, { sha256, note, logKey }: { sha256: string; note: string; logKey: string }): void {
  const y = text(pdf, 'Signature', page.left, room(pdf, from + 10, 130), { size: 11, bold: true, width: 495 });
  text(pdf, `The file in JSON is what is signed: SHA-256 of its "report" in RFC 8785 form is ${sha256}. Check it with\n    mizan audit report-verify FILE --log-key "${logKey}"\n\n${note.trim()}`, page.left, y + 3, { width: 495, size: 7 });
}
