import type { AnswerRules, FindingKind } from '#protocol';
import { spansOf } from '../classify/spans.js';
import type { Span } from '../classify/spans.js';

/** What stands in the place of what was taken out. */
const placeOf: Record<FindingKind, string> = { email: '[e-mail]', phone: '[phone]', card: '[card]', iban: '[iban]', 'national-id': '[national id]' };

/** What was let out already is looked at again this far back: a word that says what a number is stands within 40 characters. */
const contextChars = 64;
/** Held back of a word without `@`: the longest local part of an address; with one: that and a domain of 255. */
const wordCharsMax = 64;
const addressCharsMax = 320;
/** Held back of words with digits: a number has at most 8 groups and 33 characters that count. */
const numberCharsMax = 72;

/**
 * One text as it is written, piece by piece. A piece is let out as soon as nothing that may follow can make it part of a finding: of
 * ordinary text all but the last word, of numbers all their groups. So each division into pieces gives the same text.
 */
export class TextGuard {
  private context = '';
  private held = '';
  /** The answer has ended before a finding: nothing is let out any more. */
  isStopped = false;

  /** `found` is told of each finding once. */
  constructor(
    private readonly rules: AnswerRules,
    private readonly found: (kind: FindingKind) => void,
  ) {}

  /** Takes the next piece; gives what can be let out. */
  push(piece: string): string {
    if (this.isStopped) return '';
    this.held += piece;
    return this.release(this.held.length - openChars(this.held));
  }

  /** Nothing follows. */
  end(): string {
    return this.isStopped ? '' : this.release(this.held.length);
  }

  private release(length: number): string {
    if (length <= 0) return '';
    const offset = this.context.length;
    // What is held back is read with it: it says where a number ends.
    const spans = spansOf(this.context + this.held)
      .filter(({ start, kind }) => start >= offset && this.rules[kind] !== undefined)
      .map((span) => ({ ...span, start: span.start - offset, end: span.end - offset }));
    // What is found is let out whole or not yet.
    const until = spans.find(({ start, end }) => start < length && end > length)?.start ?? length;
    const out = this.without(spans.filter(({ end }) => end <= until), until);
    this.context = (this.context + this.held.slice(0, until)).slice(-contextChars);
    this.held = this.held.slice(until);
    return out;
  }

  private without(spans: readonly Span[], length: number): string {
    let out = '';
    let from = 0;
    for (const { kind, start, end } of spans) {
      this.found(kind);
      const action = this.rules[kind];
      if (action === 'record') continue;
      out += this.held.slice(from, start);
      from = end;
      if (action === 'stop') {
        this.isStopped = true;
        return out;
      }
      out += placeOf[kind];
    }
    return out + this.held.slice(from, length);
  }
}

/** How many of the last characters may still become part of a finding. */
function openChars(text: string): number {
  const word = /\S*$/.exec(text)![0];
  let open = Math.min(word.length, word.includes('@') || word.includes('%40') ? addressCharsMax : wordCharsMax);
  // A number may go on after a space, a bracket or a dash: `4111 1111 …`, `DE89 3704 …`, `+49 (0) 30 …`.
  for (let before = text.length - word.length; before > 0 && open < numberCharsMax; ) {
    const [whole, last] = /(\S+)\s$/.exec(text.slice(Math.max(0, before - numberCharsMax), before)) ?? [];
    if (whole === undefined || !/[\p{Nd}(]/u.test(last!)) break;
    before -= whole.length;
    open = text.length - before;
  }
  return Math.min(open, text.length);
}
