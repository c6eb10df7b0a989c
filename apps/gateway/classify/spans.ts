import type { FindingKind } from '#protocol';
import { fold } from './fold.js';
import { scanText } from './scan.js';

/** Where a finding stands in a text, as indices of UTF-16 code units: `start` to before `end`. */
export interface Span {
  readonly kind: FindingKind;
  readonly start: number;
  readonly end: number;
}

const nonAscii = /[^\0-\x7f]/;

/** What the scanner finds in a text, and where: in the text itself, however it is folded for reading. In the order of the text. */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  if (!nonAscii.test(text)) {
    scanText(text, (kind, start, end) => spans.push({ kind, start, end }));
    return spans;
  }
  const { folded, origins } = foldedWithOrigins(text);
  // What vanishes in the folding, and stands at the end of a finding, goes with it.
  scanText(folded, (kind, start, end) => spans.push({ kind, start: origins[start]!, end: origins[end]! }));
  return spans;
}

/** The folded text, and for each of its code units, and the end, the index in the text that it comes from. */
function foldedWithOrigins(text: string): { folded: string; origins: number[] } {
  const origins: number[] = [];
  let folded = '';
  for (let index = 0; index < text.length; ) {
    const width = text.codePointAt(index)! > 0xffff ? 2 : 1;
    const piece = fold(text.slice(index, index + width));
    for (let at = 0; at < piece.length; at += 1) origins.push(index);
    folded += piece;
    index += width;
  }
  origins.push(text.length);
  return { folded, origins };
}
