import { isAlphanumeric, isDigit, isMailDomain, isMailLocal } from './chars.js';

const localCharsMax = 64;
const domainCharsMax = 255;
const hyphen = 45;
const dot = 46;

/**
 * Index after the e-mail address whose `@` is at `at` and is written in `width` characters, or -1. The parts end at
 * another `@`, so that a text is read at most twice however many it holds.
 */
export function emailEnd(text: string, at: number, width: number): number {
  return hasLocalPart(text, at) ? domainEnd(text, at + width) : -1;
}

/** Index of the first character of the local part before the `@` at `at`; of a quoted one, its last word. */
export function localStart(text: string, at: number): number {
  const first = Math.max(0, at - localCharsMax);
  let index = at;
  const belongs = text.charCodeAt(at - 1) === 34 ? (code: number): boolean => code > 32 : isMailLocal;
  while (index > first && belongs(text.charCodeAt(index - 1))) index--;
  return index;
}

function hasLocalPart(text: string, at: number): boolean {
  const last = text.charCodeAt(at - 1);
  if (last === 34) return at > 2; // a quoted local part
  if (last === dot || !isMailLocal(last)) return false;
  const first = Math.max(0, at - localCharsMax);
  for (let index = at - 1; index >= first && isMailLocal(text.charCodeAt(index)); index--) {
    const code = text.charCodeAt(index);
    if (code > 127 || isAlphanumeric(code)) return true;
  }
  return false;
}

/** At least two labels, none of them empty, the last of two or more characters and not a number. */
function domainEnd(text: string, start: number): number {
  const limit = Math.min(text.length, start + domainCharsMax);
  let labels = 0;
  let labelStart = start;
  let end = -1;
  for (let index = start; index <= limit; index++) {
    const code = index < limit ? text.charCodeAt(index) : 0;
    if (code !== dot && index < limit && isMailDomain(code)) continue;
    if (index === labelStart) break;
    labels++;
    if (labels >= 2 && isTopLabel(text, labelStart, index)) end = index;
    if (code !== dot) break;
    labelStart = index + 1;
  }
  return end;
}

function isTopLabel(text: string, start: number, end: number): boolean {
  return end - start >= 2 && !isDigit(text.charCodeAt(start)) && text.charCodeAt(start) !== hyphen;
}
