import { isDigit } from './chars.js';

const groupsMax = 8;
const digitsMax = 19;
/** Groups of a single digit: `+358 (0) 9 123456` has two. */
const singlesMax = 2;

/** The first groups of digits at a place in a text, as people write numbers: `4111 1111 1111 1111`, `(030) 123-4567`. */
export interface NumberRun {
  readonly text: string;
  readonly start: number;
  /** Digits of all groups. */
  readonly digits: string;
  /** Digits up to the end of each group. */
  readonly digitCounts: readonly number[];
  /** Index in the text after each group. */
  readonly ends: readonly number[];
  /** What stands between group n and n + 1: one of `space - . / )`. */
  readonly separators: readonly string[];
  /** Index after the first group, however long it is. */
  readonly next: number;
}

/** Reads at most 8 groups and 19 digits from `start`, which must be a digit. A group that is longer is left out. */
export function numberRunAt(text: string, start: number): NumberRun {
  const digitCounts: number[] = [];
  const ends: number[] = [];
  const separators: string[] = [];
  let digits = '';
  let at = start;
  let next = -1;
  let singles = 0;
  while (digitCounts.length < groupsMax) {
    const from = at;
    while (isDigit(text.charCodeAt(at)) && (next < 0 || at - from <= digitsMax)) at++;
    if (next < 0) next = at;
    if (digits.length + at - from > digitsMax) break;
    if (at - from === 1 && ++singles > singlesMax) break;
    digits += text.slice(from, at);
    digitCounts.push(digits.length);
    ends.push(at);
    const width = separatorWidth(text, at);
    if (width === 0) break;
    separators.push(text[at]!);
    at += width;
  }
  return { text, start, digits, digitCounts, ends, separators, next };
}

/** Characters between two groups: one of `space - . /`, or brackets with a space or hyphen beside them. */
function separatorWidth(text: string, at: number): number {
  const char = text[at];
  if (char !== ' ' && char !== '-' && char !== '.' && char !== '/' && char !== ')') return 0;
  if (isDigit(text.charCodeAt(at + 1))) return 1;
  const second = text[at + 1];
  const bracketed = char === ')' ? second === ' ' || second === '-' : char === ' ' && second === '(';
  return bracketed && isDigit(text.charCodeAt(at + 2)) ? 2 : 0;
}
