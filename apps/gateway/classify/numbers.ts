import type { FindingKind } from '#protocol';
import { isDigit, isWordPart } from './chars.js';
import { isNationalId } from './national-ids.js';
import { numberRunAt } from './number-run.js';
import type { NumberRun } from './number-run.js';
import { isPhone } from './phones.js';
import { isCard } from './validators.js';
import { WrittenNumber } from './written-number.js';

const digitsMin = 7;
const cardDigitsMin = 12;

export interface Found {
  readonly kind: FindingKind | undefined;
  /** Where to read on. */
  readonly end: number;
}

/** What the number that starts at `start` is, trying the longest reading first. */
export function numberAt(text: string, start: number): Found {
  const run = numberRunAt(text, start);
  if (run.digits.length >= digitsMin && !isFraction(text, start)) {
    for (let count = run.ends.length; count >= 1 && run.digitCounts[count - 1]! >= digitsMin; count--) {
      const end = run.ends[count - 1]!;
      const kind = isWordPart(text.charCodeAt(end)) ? undefined : kindOf(run, count);
      if (kind) return { kind, end };
    }
  }
  return { kind: undefined, end: run.next };
}

function kindOf(run: NumberRun, count: number): FindingKind | undefined {
  const written = new WrittenNumber(run, count);
  if (written.length >= cardDigitsMin && written.isEven && isCard(written.digits)) return 'card';
  if (isNationalId(written)) return 'national-id';
  return isPhone(written) ? 'phone' : undefined;
}

/** The digits behind a decimal point are no number of their own. */
function isFraction(text: string, start: number): boolean {
  const before = text[start - 1];
  return (before === '.' || before === ',') && isDigit(text.charCodeAt(start - 2));
}
