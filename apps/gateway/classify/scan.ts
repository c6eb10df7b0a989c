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
  return findingKinds.flatMap((kind) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [{ kind, count }];
  });
}

/** Tells of each finding in a folded text, in its order: where it begins, and the index after it. */
export function scanText(text: string, found: (kind: FindingKind, start: number, end: number) => void): void {
  let index = 0;
  while (index < text.length) {
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
