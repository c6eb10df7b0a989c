import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type PDFDocument from 'pdfkit';

const require = createRequire(import.meta.url);

/** A font as fontkit, which pdfkit comes with, reads one. */
interface ReadFont {
  readonly layout: unknown;
}

const read = new Map<string, ReadFont>();

/**
 * A font for one file. What was read of it is shared: reading its tables anew took four fifths of the time of a file. Its glyphs are the file's own, for each
 * remembers the characters that it was first used for.
 */
function font(name: string): ReadFont {
  const { create } = createRequire(require.resolve('pdfkit'))('fontkit') as { create: (bytes: Buffer) => ReadFont };
  const shared = read.get(name) ?? create(readFileSync(require.resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`)));
  read.set(name, shared);
  return Object.create(shared, { _glyphs: { value: {} } }) as ReadFont;
}

/** A4 with margins, in points. */
export const page = { left: 50, right: 545, top: 50, bottom: 770 } as const;

export type Pdf = InstanceType<typeof PDFDocument>;

/** 1234567 → `1,234,567`. */
export const grouped = (value: bigint | string): string => value.toString().replace(/^(-?\d+)/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','));

/** An empty file, and its bytes once it is ended. The same content gives the same bytes: its date is `atMs`, not that of a clock. */
export function newPdf({ title, author, atMs }: { title: string; author: string; atMs: number }): { pdf: Pdf; done: Promise<Buffer> } {
  // Loaded for the first file: a service that starts has none to write yet, and its tables are unpacked as it loads.
  const Document = require('pdfkit') as typeof PDFDocument;
  const dated = new Date(atMs);
  const pdf = new Document({ size: 'A4', margin: 50, bufferPages: true, font: '', info: { Title: title, Author: author, CreationDate: dated, ModDate: dated } });
  const chunks: Buffer[] = [];
  pdf.on('data', (chunk: Buffer) => chunks.push(chunk));
  const done = new Promise<Buffer>((resolve, reject) => pdf.on('end', () => resolve(Buffer.concat(chunks))).on('error', reject));
  // Latin, Greek, Cyrillic and Arabic; a part of it goes into each file.
  pdf.registerFont('plain', font('DejaVuSans') as never).registerFont('bold', font('DejaVuSans-Bold') as never);
  return { pdf, done };
}

/** Writes at a place; answers where what is below may begin. */
export function text(pdf: Pdf, value: string, x: number, y: number, { width = 240, align = 'left', size = 9, bold = false }: { width?: number; align?: 'left' | 'right'; size?: number; bold?: boolean } = {}): number {
  pdf.font(bold ? 'bold' : 'plain').fontSize(size).text(value, x, y, { width, align });
  return pdf.y;
}

export function rule(pdf: Pdf, y: number): number {
  pdf.moveTo(page.left, y).lineTo(page.right, y).lineWidth(0.5).strokeColor('#888888').stroke();
  return y;
}

/** `name · page 1 of 3` at the foot of each page. */
export function numberPages(pdf: Pdf, name: string): void {
  const { start, count } = pdf.bufferedPageRange();
  for (let index = start; index < start + count; index += 1) {
    pdf.switchToPage(index);
    // Below the margin, where text would begin another page.
    pdf.page.margins.bottom = 0;
    text(pdf, `${name}  ·  page ${index + 1} of ${count}`, page.left, 800, { width: 495, size: 7, align: 'right' });
  }
}
