import { isEgyptianId, isEmiratesId, isFrenchNir, isNhsNumber, isSaudiId, isSsn, isSteuerId } from './validators.js';
import type { WrittenNumber } from './written-number.js';

/**
 * Numbers that identify a person. Those whose check is strong count wherever they stand; of those that one random
 * number in ten would pass, only the usual grouping or a word before it counts.
 */
export function isNationalId(written: WrittenNumber): boolean {
  const { length, separator } = written;
  if (length < 9 || length > 15 || written.continues || !written.hasOneSeparator(0)) return false;
  const { digits } = written;
  switch (length) {
    case 9:
      return isSsn(digits) && ((separator === '-' && written.shape === '3-2-4') || written.isIntroducedAs('nationalId'));
    case 10:
      if (isNhsNumber(digits) && separator === ' ' && written.shape === '3-3-4') return true;
      return (isSaudiId(digits) || isNhsNumber(digits)) && written.isIntroducedAs('nationalId');
    case 11:
      return isSteuerId(digits) && (written.groupCount === 1 || written.shape === '2-3-3-3');
    case 14:
      return isEgyptianId(digits);
    case 15:
      return isFrenchNir(digits) || (isEmiratesId(digits) && (written.groupCount === 1 || written.shape === '3-4-7-1'));
    default:
      return false;
  }
}
