import { isWordPart } from './chars.js';
import type { WrittenNumber } from './written-number.js';

/** E.164 allows 15 digits; shorter than 8 nobody writes with a country code. */
const internationalDigits = { min: 8, max: 15 } as const;

/** Whether a number is written as telephone numbers are: with a country code, as national formats, or after a word for it. */
export function isPhone(written: WrittenNumber): boolean {
  if (written.length > internationalDigits.max + 2) return false;
  return isInternational(written) || isNational(written) || (written.length <= internationalDigits.max && written.isIntroducedAs('phone'));
}

/** `+49 30 1234567`, or with 00 for the plus when it is grouped. */
function isInternational({ text, start, length, digits, groupCount, continues }: WrittenNumber): boolean {
  const plus = text[start - 1] === '+' ? start - 1 : text[start - 1] === '(' && text[start - 2] === '+' ? start - 2 : -1;
  if (plus >= 0) return !isWordPart(text.charCodeAt(plus - 1)) && digits[0] !== '0' && length >= internationalDigits.min && length <= internationalDigits.max;
  return !continues && groupCount > 1 && length >= internationalDigits.min + 2 && /^00[1-9]/.test(digits);
}

function isNational(written: WrittenNumber): boolean {
  if (written.continues || written.length < 9 || written.length > 12) return false;
  return isNorthAmerican(written) || isMobile(written) || isTrunkNumber(written);
}

/** `(212) 555-1234`, `212-555-1234`, `1.212.555.1234`, not with spaces alone: areas and exchanges begin with 2 to 9. */
function isNorthAmerican(written: WrittenNumber): boolean {
  const { groupCount, digits } = written;
  if (groupCount < 3 || !/^1?[2-9]\d{2}[2-9]\d{6}$/.test(digits) || !/^(1-)?3-3-4$/.test(written.shape)) return false;
  return written.hasSeparator(')') || written.lastSeparator === '-' || written.lastSeparator === '.';
}

/** National mobile numbers, unbroken or grouped: Saudi Arabia, Emirates, Egypt, United Kingdom, Germany, France. */
function isMobile({ digits }: WrittenNumber): boolean {
  return digits[0] === '0' && /^(05\d{8}|01[0125]\d{8}|07[1-9]\d{8}|01[567]\d{8,9}|0[67]\d{8})$/.test(digits);
}

/** A trunk 0 and groups: `030 1234567`, `089/123 456`, `01 23 45 67 89`. */
function isTrunkNumber(written: WrittenNumber): boolean {
  const { digits, groupCount } = written;
  if (groupCount < 2 || digits[0] !== '0' || digits[1] === '0' || written.firstGroupLength > 5) return false;
  return written.groupsHoldTwo(groupCount) && written.hasOneSeparator(1) && !written.hasSeparator('.');
}
