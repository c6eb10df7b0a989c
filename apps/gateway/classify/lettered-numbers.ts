import type { FindingKind } from '#protocol';
import { isAlphanumeric, isLetter, isWordPart } from './chars.js';
import { ibanLength, isIban } from './iban.js';
import { isCodiceFiscale, isNino } from './validators.js';

const isSeparator = (code: number): boolean => code === 32 || code === 45;

/** What the number is whose first digit is at `digit`, right behind letters: an IBAN, a codice fiscale, a NINO. */
export function letteredNumberAt(text: string, digit: number): { kind: FindingKind; end: number } | undefined {
  switch (lettersBefore(text, digit)) {
    case 2:
      return ibanAt(text, digit - 2) ?? fixedAt(text, digit - 2, 9, isNino);
    case 6:
      return fixedAt(text, digit - 6, 16, isCodiceFiscale);
    default:
      return undefined;
  }
}

/** Letters that stand before an index, if they begin a word. At most 7 are read. */
function lettersBefore(text: string, index: number): number {
  let count = 0;
  while (count < 7 && isLetter(text.charCodeAt(index - 1 - count))) count++;
  return isWordPart(text.charCodeAt(index - 1 - count)) ? 0 : count;
}

function ibanAt(text: string, start: number): { kind: FindingKind; end: number } | undefined {
  const length = ibanLength(text.slice(start, start + 2).toUpperCase());
  const read = length === undefined ? undefined : compact(text, start, length);
  return read && isIban(read.compact) ? { kind: 'iban', end: read.end } : undefined;
}

function fixedAt(text: string, start: number, length: number, isValid: (compact: string) => boolean): { kind: FindingKind; end: number } | undefined {
  const read = compact(text, start, length);
  return read && isValid(read.compact) ? { kind: 'national-id', end: read.end } : undefined;
}

/** `length` letters and digits from `start`, upper-case, single spaces and hyphens between them left out; no word part may follow. */
function compact(text: string, start: number, length: number): { compact: string; end: number } | undefined {
  let at = start;
  let taken = '';
  while (taken.length < length) {
    const code = text.charCodeAt(at);
    if (isAlphanumeric(code)) taken += text[at];
    else if (!isSeparator(code) || !isAlphanumeric(text.charCodeAt(at + 1))) return undefined;
    at++;
  }
  return isWordPart(text.charCodeAt(at)) ? undefined : { compact: taken.toUpperCase(), end: at };
}
