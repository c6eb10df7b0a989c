import { isIntroducedAs } from './context-words.js';
import { isDigit } from './chars.js';
import type { NumberRun } from './number-run.js';

/** A number as it stands in a text: the first groups of a run. Works out only what is asked of it. */
export class WrittenNumber {
  /** Index of the first digit. */
  readonly start: number;
  /** Number of digits. */
  readonly length: number;
  /** What stands between the first two groups. */
  readonly separator: string | undefined;
  /** The same separator and another digit come before or after it. */
  readonly continues: boolean;

  constructor(
    private readonly run: NumberRun,
    readonly groupCount: number,
  ) {
    const { text, start } = run;
    const end = run.ends[groupCount - 1]!;
    this.start = start;
    this.length = run.digitCounts[groupCount - 1]!;
    this.separator = groupCount > 1 ? run.separators[0] : undefined;
    this.continues =
      this.separator !== undefined &&
      ((text[start - 1] === this.separator && isDigit(text.charCodeAt(start - 2))) || (text[end] === this.separator && isDigit(text.charCodeAt(end + 1))));
  }

  get text(): string {
    return this.run.text;
  }

  get digits(): string {
    return this.run.digits.slice(0, this.length);
  }

  /** Lengths of its groups, as `4-4-4-4`. */
  get shape(): string {
    return this.run.digitCounts
      .slice(0, this.groupCount)
      .map((digits, index, all) => digits - (all[index - 1] ?? 0))
      .join('-');
  }

  /** One kind of separator between groups of two or more digits; the last group may be one digit. */
  get isEven(): boolean {
    return this.hasOneSeparator(0) && this.groupsHoldTwo(this.groupCount - 1);
  }

  /** All separators from the `from`-th on are the same. */
  hasOneSeparator(from: number): boolean {
    const { separators } = this.run;
    for (let at = from + 1; at < this.groupCount - 1; at++) {
      if (separators[at] !== separators[from]) return false;
    }
    return true;
  }

  /** The first `count` groups have two digits or more. */
  groupsHoldTwo(count: number): boolean {
    const { digitCounts } = this.run;
    for (let at = 0; at < count; at++) {
      if (digitCounts[at]! - (digitCounts[at - 1] ?? 0) < 2) return false;
    }
    return true;
  }

  hasSeparator(separator: string): boolean {
    const at = this.run.separators.indexOf(separator);
    return at >= 0 && at < this.groupCount - 1;
  }

  get lastSeparator(): string | undefined {
    return this.groupCount > 1 ? this.run.separators[this.groupCount - 2] : undefined;
  }

  get firstGroupLength(): number {
    return this.run.digitCounts[0]!;
  }

  isIntroducedAs(kind: 'phone' | 'nationalId'): boolean {
    return isIntroducedAs(kind, this.run.text, this.start);
  }
}
