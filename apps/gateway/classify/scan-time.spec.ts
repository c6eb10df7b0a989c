import { describe, expect, it } from '@jest/globals';
import { scan } from './scan.js';

/** Texts that make scanners with backtracking or whole-text normalisation quadratic. */
const hostile: readonly (readonly [name: string, unit: string])[] = [
  ['ones', '1'],
  ['separated digits', '1 '],
  ['separated pairs', '05-'],
  ['card beginnings', '4111 1111 1111 1112 '],
  ['at signs', '@'],
  ['almost addresses', 'a@a.'],
  ['domains without end', 'a.'],
  ['local parts without end', 'a@'],
  ['encoded at signs', '%40'],
  ['account beginnings', 'DE89 '],
  ['accounts run together', 'DE89'],
  ['tax code beginnings', 'RSSMRA85'],
  ['words for telephones', 'phone 12345 '],
  ['brackets', '(1) ('],
  ['combining marks', 'a\u0316\u0301'],
  ['marks out of order', '\u0301\u0316'],
  ['expanding characters', '⑳'],
  ['surrogates', '\ud835'],
  ['mathematical digits', '𝟏'],
];

/** Milliseconds of one scan. */
function scanMs(text: string): number {
  const start = performance.now();
  scan([text]);
  return performance.now() - start;
}

describe('the time of a scan', () => {
  it.each(hostile)('grows with the length of a text of %s, not with its square', (_, unit) => {
    const small = unit.repeat(Math.ceil(60_000 / unit.length));
    const large = small.repeat(8);
    // One millisecond keeps the smallest figures off the clock's grain. Noise only ever adds: the quickest of up to twenty runs counts.
    let [smallMs, largeMs, runs] = [Infinity, Infinity, 0];
    const growth = (): number => largeMs / Math.max(1, smallMs);
    do {
      smallMs = Math.min(smallMs, scanMs(small));
      largeMs = Math.min(largeMs, scanMs(large));
    } while (growth() > 16 && ++runs < 20);
    // Linear is 8 ×, quadratic 64 ×.
    expect(growth()).toBeLessThan(24);
  });
});
