import { isIntroducedAs } from './context-words.js';
import type { WrittenNumber } from './numbers.js';
import { isEgyptianId, isEmiratesId, isFrenchNir, isNhsNumber, isSaudiId, isSsn, isSteuerId } from './validators.js';

const shape = ({ groups }: WrittenNumber): string => groups.join('-');

/**
 * Numbers that identify a person. Those whose check is strong count wherever they stand; of those that one random
 * number in ten would pass, only the usual grouping or a word before it counts.
 */
export function isNationalId(written: WrittenNumber): boolean {
  const { digits, separators, continues } = written;
  if (continues || new Set(separators).size > 1) return false;
  const [groups, separator] = [shape(written), separators[0]];
  switch (digits.length) {
    case 9:
      return (separator === '-' && groups === '3-2-4' && isSsn(digits)) || (isIntroduced(written) && isSsn(digits));
    case 10:
      return (separator === ' ' && groups === '3-3-4' && isNhsNumber(digits)) || (isIntroduced(written) && (isSaudiId(digits) || isNhsNumber(digits)));
    case 11:
      return (groups === '11' || groups === '2-3-3-3') && isSteuerId(digits);
    case 14:
      return isEgyptianId(digits);
    case 15:
      return ((groups === '15' || groups === '3-4-7-1') && isEmiratesId(digits)) || isFrenchNir(digits);
    default:
      return false;
  }
}

const isIntroduced = ({ text, start }: WrittenNumber): boolean => isIntroducedAs('nationalId', text, start);
