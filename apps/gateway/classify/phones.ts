import { isIntroducedAs } from './context-words.js';
import { isWordPart } from './chars.js';
import type { WrittenNumber } from './numbers.js';

/** E.164 allows 15 digits; shorter than 8 nobody writes with a country code. */
const internationalDigits = { min: 8, max: 15 } as const;

/** Whether a number is written as telephone numbers are: with a country code, as national formats, or after a word for it. */
export function isPhone(written: WrittenNumber): boolean {
  return isInternational(written) || isNorthAmerican(written) || isMobile(written) || isTrunkNumber(written) || isIntroducedPhone(written);
}

/** `+49 30 1234567`, or with 00 for the plus when it is grouped. */
function isInternational({ text, start, digits, groups, continues }: WrittenNumber): boolean {
  const plus = text[start - 1] === '+' ? start - 1 : text.slice(start - 2, start) === '+(' ? start - 2 : -1;
  if (plus >= 0) {
    return !isWordPart(text.charCodeAt(plus - 1)) && digits[0] !== '0' && digits.length >= internationalDigits.min && digits.length <= internationalDigits.max;
  }
  return !continues && /^00[1-9]/.test(digits) && groups.length > 1 && digits.length >= internationalDigits.min + 2 && digits.length <= internationalDigits.max + 2;
}

/** `(212) 555-1234`, `212-555-1234`, `1 212 555 1234` only with hyphens, dots or brackets: areas and exchanges begin with 2 to 9. */
function isNorthAmerican({ digits, groups, separators, continues }: WrittenNumber): boolean {
  if (continues || !/^1?[2-9]\d{2}[2-9]\d{6}$/.test(digits)) return false;
  const local = groups.join('-').replace(/^1-/, '');
  const last = separators[separators.length - 1];
  return local === '3-3-4' && (separators.includes(')') || last === '-' || last === '.');
}

/** National mobile numbers, unbroken or grouped: Saudi Arabia, Emirates, Egypt, United Kingdom, Germany, France. */
function isMobile({ digits, continues }: WrittenNumber): boolean {
  return !continues && /^(05\d{8}|01[0125]\d{8}|07[1-9]\d{8}|01[567]\d{8,9}|0[67]\d{8})$/.test(digits);
}

/** A trunk 0 and groups: `030 1234567`, `089/123 456`, `01 23 45 67 89`. */
function isTrunkNumber({ digits, groups, separators, continues }: WrittenNumber): boolean {
  if (continues || digits.length < 9 || digits.length > 12 || !/^0[1-9]/.test(digits)) return false;
  return groups.length >= 2 && groups.every((length) => length >= 2) && groups[0]! <= 5 && new Set(separators.slice(1)).size <= 1 && !separators.includes('.');
}

function isIntroducedPhone({ text, start, digits }: WrittenNumber): boolean {
  return digits.length >= 7 && digits.length <= internationalDigits.max && isIntroducedAs('phone', text, start);
}
