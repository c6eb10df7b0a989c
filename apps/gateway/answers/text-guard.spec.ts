import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AnswerRules, FindingKind } from '#protocol';
import { scan } from '../classify/scan.js';
import { spansOf } from '../classify/spans.js';
import { TextGuard } from './text-guard.js';

const everything = (action: 'record' | 'redact' | 'stop'): AnswerRules => ({ email: action, phone: action, card: action, iban: action, 'national-id': action });

function guarded(pieces: readonly string[], rules: AnswerRules): { text: string; found: FindingKind[] } {
  const found: FindingKind[] = [];
  const guard = new TextGuard(rules, (kind) => found.push(kind));
  return { text: pieces.map((piece) => guard.push(piece)).join('') + guard.end(), found };
}

/** The text cut at some places. */
const cut = (text: string, places: readonly number[]): string[] => {
  const ends = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [...ends, text.length].map((end, at) => text.slice(ends[at - 1] ?? 0, end));
};

const values = [
  'anna.schmidt@rheinbank.example', 'DE89 3704 0044 0532 0130 00', 'DE89370400440532013000', '4111 1111 1111 1111', '4111-1111-1111-1111', '+49 (0)30 1234567', 'phone: 030 1234567', 'user%40mail.example',
  'ａｎｎａ＠ｍａｉｌ．ｅｘａｍｐｌｅ', '４１１１ １１１１ １１１１ １１１１', 'anna@mail.example.', '"anna s"@mail.example',
];
const words = ['Dear', 'customer,', 'the', 'total is 12.50 EUR', 'on 2026-11-26', '世界你好', '🙂', 'no. 7', '(see below)', 'a.b', '\n', 'v1.2.3', 'room 4', '€'];
const text = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...words) }, { weight: 1, arbitrary: fc.constantFrom(...values) }), { maxLength: 14 }).map((parts) => parts.join(' '));

describe('an answer’s text', () => {
  it('gives the same findings and the same words, however it is cut into pieces', () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 30 }), fc.constantFrom('record' as const, 'redact' as const, 'stop' as const), (whole, places, action) => {
        const rules = everything(action);
        expect(guarded(cut(whole, places), rules)).toEqual(guarded([whole], rules));
        expect(guarded([...whole], rules)).toEqual(guarded([whole], rules));
      }),
      { numRuns: 300 },
    );
  });

  it('loses every finding of the scanner when it is redacted, and nothing when it is recorded', () => {
    fc.assert(
      fc.property(text, (whole) => {
        const redacted = guarded([whole], everything('redact')).text;
        for (const { start, end } of spansOf(whole)) expect(redacted.split(' ')).not.toContain(whole.slice(start, end));
        const kept = guarded([whole], everything('record'));
        expect(kept.text).toBe(whole);
        expect(kept.found).toHaveLength(scan([whole]).reduce((sum, { count }) => sum + count, 0));
      }),
      { numRuns: 300 },
    );
  });

  it('has a sign where something was', () => {
    expect(guarded(['Write to anna@ma', 'il.example or pay DE89 3704 00', '44 0532 0130 00, please'], everything('redact')).text).toBe('Write to [e-mail] or pay [iban], please');
    expect(guarded(['Tel. 030 1234567 is ours'], { email: 'redact' }).text).toBe('Tel. 030 1234567 is ours');
  });

  it('ends before a finding that stops it', () => {
    expect(guarded(['Write to anna@mail', '.example and', ' more'], everything('stop'))).toEqual({ text: 'Write to ', found: ['email'] });
  });

  it('is held back by a word at most, by an address or a number as long as those may be', () => {
    const guard = new TextGuard(everything('redact'), () => undefined);
    expect(guard.push('An ordinary sentence goes ou')).toBe('An ordinary sentence goes ');
    expect(guard.push('t at once. ')).toBe('out at once. ');
    expect('x'.repeat(1_000).length - guard.push('x'.repeat(1_000)).length).toBe(64);
    expect(guard.push(' ').length).toBe(65);
    const numbers = '123 '.repeat(100);
    expect(numbers.length - guard.push(numbers).length).toBeLessThan(160);
  });
});
