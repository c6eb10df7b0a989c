import type { FindingKind } from '#protocol';
import { isDigit, isWordPart } from './chars.js';
import { isNationalId } from './national-ids.js';
import { numberRunAt } from './number-run.js';
import type { NumberRun } from './number-run.js';
import { isPhone } from './phones.js';
import { isCard } from './validators.js';

/** A number as it stands in the text: some of the first groups of a run. */
export interface WrittenNumber {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly digits: string;
  /** Lengths of its groups. */
  readonly groups: readonly number[];
  readonly separators: readonly string[];
  /** The same separator and another digit come before or after it. */
  readonly continues: boolean;
}

export interface Found {
  readonly kind: FindingKind | undefined;
  /** Where to read on. */
  readonly end: number;
}

/** What the number that starts at `start` is, trying the longest reading first. */
export function numberAt(text: string, start: number): Found {
  const run = numberRunAt(text, start);
  if (isFraction(text, start)) return { kind: undefined, end: run.next };
  for (let count = run.ends.length; count >= 1; count--) {
    const written = writtenNumber(text, run, count);
    const kind = written && kindOf(written);
    if (kind) return { kind, end: written.end };
  }
  return { kind: undefined, end: run.next };
}

function kindOf(written: WrittenNumber): FindingKind | undefined {
  const { length } = written.digits;
  if (length < 7) return undefined;
  if (length >= 12 && isGroupedEvenly(written) && isCard(written.digits)) return 'card';
  if (isNationalId(written)) return 'national-id';
  return isPhone(written) ? 'phone' : undefined;
}

/** The digits behind a decimal point are no number of their own. */
function isFraction(text: string, start: number): boolean {
  const before = text[start - 1];
  return (before === '.' || before === ',') && isDigit(text.charCodeAt(start - 2));
}

/** Cards stand unbroken or in groups with one kind of separator. */
function isGroupedEvenly({ separators, groups }: WrittenNumber): boolean {
  return new Set(separators).size <= 1 && groups.every((length, index) => length >= 2 || index === groups.length - 1);
}

function writtenNumber(text: string, run: NumberRun, count: number): WrittenNumber | undefined {
  const end = run.ends[count - 1]!;
  if (isWordPart(text.charCodeAt(end))) return undefined;
  const separators = run.separators.slice(0, count - 1);
  const separator = separators[0];
  const continuesBefore = text[run.start - 1] === separator && isDigit(text.charCodeAt(run.start - 2));
  const continuesAfter = text[end] === separator && isDigit(text.charCodeAt(end + 1));
  return {
    text,
    start: run.start,
    end,
    digits: run.digits.slice(0, run.digitCounts[count - 1]),
    groups: run.digitCounts.slice(0, count).map((digits, index, all) => digits - (all[index - 1] ?? 0)),
    separators,
    continues: separator !== undefined && (continuesBefore || continuesAfter),
  };
}
