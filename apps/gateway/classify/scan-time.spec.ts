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

/** The quickest of several runs: noise only ever adds. */
function quickestMs(text: string): number {
  let quickest = Infinity;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    scan([text]);
    quickest = Math.min(quickest, performance.now() - start);
  }
  return quickest;
}

describe('the time of a scan', () => {
  it.each(hostile)('grows with the length of a text of %s, not with its square', (_, unit) => {
    const small = unit.repeat(Math.ceil(60_000 / unit.length));
    const large = small.repeat(8);
    scan([small]);
    // Linear is 8 ×, quadratic 64 ×. One millisecond keeps the smallest figures off the clock's grain.
    expect(quickestMs(large)).toBeLessThan(24 * Math.max(1, quickestMs(small)));
  });
});
