import { formatNanos } from '#kernel';
import type { DrawnLine, EarnedLine, PayeeStatement, SharedLine } from '#protocol';
import { grouped, newPdf, numberPages, page, rule, text } from '#pdf';
import type { Pdf } from '#pdf';

interface Column<Line> {
  readonly title: string;
  readonly x: number;
  readonly width: number;
  readonly align: 'left' | 'right';
  readonly value: (line: Line) => string;
}

const day = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

const earnedColumns: readonly Column<EarnedLine>[] = [
  { title: 'Day', x: 50, width: 60, align: 'left', value: ({ dayMs }) => day(dayMs) },
  { title: 'Work', x: 112, width: 190, align: 'left', value: ({ nodeName, model, endpoint }) => `${nodeName}: ${model}${endpoint === '' ? '' : `, ${endpoint}`}` },
  { title: 'Jobs', x: 304, width: 45, align: 'right', value: ({ jobs }) => grouped(BigInt(jobs)) },
  { title: 'Tokens in / out', x: 352, width: 100, align: 'right', value: ({ inputTokens, outputTokens }) => `${grouped(BigInt(inputTokens))} / ${grouped(BigInt(outputTokens))}` },
  { title: 'USD', x: 455, width: 90, align: 'right', value: ({ amountNanos }) => formatNanos(amountNanos) },
];

const sharedColumns: readonly Column<SharedLine>[] = [
  { title: 'Day', x: 50, width: 60, align: 'left', value: ({ dayMs }) => day(dayMs) },
  { title: 'Data set, and whom it is shared with', x: 112, width: 235, align: 'left', value: ({ dataset, amountNanos, with: other }) => `${dataset}\n${amountNanos < 0n ? 'to' : 'from'} ${other}` },
  { title: 'Jobs', x: 352, width: 100, align: 'right', value: ({ records }) => grouped(BigInt(records)) },
  { title: 'USD', x: 455, width: 90, align: 'right', value: ({ amountNanos }) => formatNanos(amountNanos) },
];

const drawnColumns: readonly Column<DrawnLine>[] = [
  { title: 'Day', x: 50, width: 60, align: 'left', value: ({ drawnAtMs }) => day(drawnAtMs) },
  { title: 'Statement and transaction', x: 112, width: 235, align: 'left', value: ({ statement, settledTx }) => `${statement}\n${settledTx ?? 'not on the chain yet'}` },
  { title: 'Token units', x: 352, width: 100, align: 'right', value: ({ units }) => grouped(units) },
  { title: 'USD', x: 455, width: 90, align: 'right', value: ({ amountNanos }) => formatNanos(amountNanos) },
];

/** A payee's account over a period, A4. The same statement gives the same bytes. */
export function payeeStatementPdf(statement: PayeeStatement): Promise<Buffer> {
  const { payee, tenant, fromMs, toMs } = statement;
  const { pdf, done } = newPdf({ title: `Statement of ${payee}`, author: 'Mizan', atMs: toMs });
  let y = text(pdf, 'Statement of earnings', page.left, page.top, { size: 16, bold: true, width: 495 }) + 6;
  y = text(pdf, `Payee: ${payee}\nFrom ${new Date(fromMs).toISOString()} until before ${new Date(toMs).toISOString()}${tenant === null ? '' : `\nEarned from the organisation ${tenant} alone`}`, page.left, y, { width: 495 }) + 14;
  y = sum(pdf, y, 'Owed before', statement.openingNanos);
  y = table(pdf, y, 'Earned', earnedColumns, statement.earned);
  y = sum(pdf, y, 'Earned', statement.earnedNanos);
  if (statement.shared.length > 0) {
    y = table(pdf, y, 'Royalties, got (+) and given (−)', sharedColumns, statement.shared);
    y = sum(pdf, y, 'Royalties', statement.sharedNanos);
  }
  y = table(pdf, y, 'Drawn into statements for the chain', drawnColumns, statement.drawn);
  y = sum(pdf, y, 'Drawn', -statement.drawnNanos);
  if (statement.forfeitedNanos > 0n) y = sum(pdf, y, 'Held back and lost, work refuted', -statement.forfeitedNanos);
  y = sum(pdf, rule(pdf, y + 4) + 6, 'Owed after', statement.closingNanos);
  if (statement.heldNanos > 0n) y = sum(pdf, y, 'of it held until work is verified', statement.heldNanos);
  text(pdf, 'Amounts are exact, in US dollars. Each job is one entry of the audit log and one receipt signed by the machine; what is drawn pays whole units of the token, the rest stays owed.', page.left, y + 8, { width: 495, size: 7 });
  numberPages(pdf, `Statement of ${payee}`);
  pdf.end();
  return done;
}

function sum(pdf: Pdf, y: number, name: string, nanos: bigint): number {
  text(pdf, name, 250, y, { width: 200, align: 'right', bold: true });
  return text(pdf, formatNanos(nanos), 455, y, { width: 90, align: 'right', bold: true }) + 4;
}

function table<Line>(pdf: Pdf, from: number, title: string, columns: readonly Column<Line>[], lines: readonly Line[]): number {
  let y = head(pdf, text(pdf, title, page.left, from + 8, { bold: true, size: 10, width: 495 }) + 4, columns);
  for (const line of lines) {
    const cells = columns.map((column) => ({ ...column, text: column.value(line) }));
    pdf.font('plain').fontSize(8);
    const height = Math.max(...cells.map((cell) => pdf.heightOfString(cell.text, { width: cell.width })));
    if (y + height > page.bottom - 20) {
      pdf.addPage();
      y = head(pdf, page.top, columns);
    }
    for (const cell of cells) text(pdf, cell.text, cell.x, y, { width: cell.width, align: cell.align, size: 8 });
    y += height + 4;
  }
  if (y + 60 > page.bottom) {
    pdf.addPage();
    y = page.top;
  }
  return rule(pdf, y) + 5;
}

function head<Line>(pdf: Pdf, y: number, columns: readonly Column<Line>[]): number {
  for (const { title, x, width, align } of columns) text(pdf, title, x, y, { width, align, bold: true, size: 8 });
  return rule(pdf, y + 13) + 4;
}
