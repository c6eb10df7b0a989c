import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StopSequences } from './stop-sequences.js';

const small = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 40 });
const sequence = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 });

describe('stop sequences', () => {
  it('let through what stands before the first of them, however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 8 }), fc.array(sequence, { maxLength: 4 }), (pieces, sequences) => {
        const stops = new StopSequences(sequences);
        const shown = pieces.map((piece) => stops.take(piece)).join('') + stops.rest();
        const text = pieces.join('');
        const ends = sequences.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
        // One that ends first may begin later than another that is still open: what was shown is a beginning without any.
        expect(text.startsWith(shown)).toBe(true);
        expect(sequences.some((stop) => shown.includes(stop))).toBe(false);
        if (ends.length === 0) expect(shown).toBe(text);
        else expect(stops.stopped).toBe(true);
      }),
    );
  });

  it('hold back only what may still become one', () => {
    const stops = new StopSequences(['###', '\n\n']);
    expect(stops.take('one #')).toBe('one ');
    expect(stops.take('two\n')).toBe('#two');
    expect(stops.take('\nthree')).toBe('');
    expect([stops.stopped, stops.take('more'), stops.rest()]).toEqual([true, '', '']);
  });
});
