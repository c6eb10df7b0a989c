import { findingKinds } from '#protocol';
import type { FindingKind } from '#protocol';
import { isDigit, isWordPart } from './chars.js';
import { emailEnd, localStart } from './email.js';
import { fold } from './fold.js';
import { letteredNumberAt } from './lettered-numbers.js';
import { numberAt } from './numbers.js';

/** How often a kind of personal data was found. Never the values. */
export interface Finding {
  readonly kind: FindingKind;
  readonly count: number;
}

const at = 64;
const percent = 37;

/**
 * Finds personal data in texts: one pass over each, and at every digit and `@` a bounded look around it, so the time is
 * linear in the length for any input. Kinds without a finding are left out; the order is that of the protocol.
 */
export function scan(texts: readonly string[]): Finding[] {
  const counts = new Map<FindingKind, number>();
  for (const text of texts) scanText(fold(text), (kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1));
  return findingsOf(counts);
}

/** What is looked at in one go: 4 ms of the worst text, a fraction of one of any other. */
export const sliceChars = 64 * 1024;

/**
 * The same of texts that are long, or made to be slow: `giveWay` is awaited after every `slice` characters, so that nothing else waits for
 * more than a slice. Error: whatever `giveWay` throws.
 */
export async function scanInSlices(texts: readonly string[], giveWay: () => Promise<void>, slice = sliceChars): Promise<Finding[]> {
  const counts = new Map<FindingKind, number>();
  let left = slice;
  const looked = async (chars: number): Promise<void> => {
    if ((left -= chars) > 0) return;
    left = slice;
    await giveWay();
  };
  for (const text of texts) {
    let folded = '';
    for (let from = 0; from < text.length; ) {
      const until = pieceEnd(text, from + slice);
      folded += fold(text.slice(from, until));
      await looked(until - from);
      from = until;
    }
    for (let from = 0; from < folded.length; ) {
      const next = scanPart(folded, from, from + slice, (kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1));
      await looked(next - from);
      from = next;
    }
  }
  return findingsOf(counts);
}

/** Not between the two halves of a character. */
function pieceEnd(text: string, end: number): number {
  const last = text.charCodeAt(end - 1);
  return Math.min(text.length, last >= 0xd800 && last < 0xdc00 ? end + 1 : end);
}

const findingsOf = (counts: ReadonlyMap<FindingKind, number>): Finding[] =>
  findingKinds.flatMap((kind) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [{ kind, count }];
  });

type Tell = (kind: FindingKind, start: number, end: number) => void;

/** Tells of each finding in a folded text, in its order: where it begins, and the index after it. */
export function scanText(text: string, found: Tell): void {
  scanPart(text, 0, text.length, found);
}

/** The same of what begins from `start` to before `until`. Gives where to read on: what begins in the part may end behind it. */
function scanPart(text: string, start: number, until: number, found: Tell): number {
  let index = start;
  while (index < text.length && index < until) {
    const code = text.charCodeAt(index);
    if (code > at || code < percent) {
      index++;
    } else if (isDigit(code)) {
      const isWord = isWordPart(text.charCodeAt(index - 1));
      const { kind, end } = isWord ? wordNumberAt(text, index) : numberAt(text, index);
      if (kind) found(kind, isWord ? wordStart(text, index) : index, end);
      index = end;
    } else if (code === at || (code === percent && text.startsWith('40', index + 1))) {
      const width = code === at ? 1 : 3;
      const end = emailEnd(text, index, width);
      if (end >= 0) found('email', localStart(text, index), end);
      index = end >= 0 ? end : index + width;
    } else {
      index++;
    }
  }
  return index;
}

/** The first of the letters before a number. */
function wordStart(text: string, index: number): number {
  let start = index;
  while (isWordPart(text.charCodeAt(start - 1))) start--;
  return start;
}

/** A number that stands right behind letters is one of the lettered kinds or none. */
function wordNumberAt(text: string, index: number): { kind: FindingKind | undefined; end: number } {
  const lettered = letteredNumberAt(text, index);
  if (lettered) return lettered;
  let end = index;
  while (isDigit(text.charCodeAt(end))) end++;
  return { kind: undefined, end };
}
