import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { scan, scanInSlices, sliceChars } from './scan.js';

/** What costs the scanner most, half a mebibyte of it. */
const pairs = '41-'.repeat(Math.floor((512 * 1024) / 3));

const words = fc.constantFrom('4111 1111 1111 1111', '+49 30 1234567', 'erika@example.org', 'DE89 3704 0044 0532 0130 00', '12 34 56 78', '٤١١١ ١١١١ ١١١١ ١١١١', '𝟒𝟏𝟏𝟏', 'e\u0301', '\ud835', 'word', '⑳', '%40', ' ');

describe('a scan in slices', () => {
  it('finds what a scan in one go finds, wherever the slices end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(words, { maxLength: 12 }).map((parts) => parts.join('')), { maxLength: 3 }), fc.integer({ min: 1, max: 40 }), async (texts, slice) => {
        expect(await scanInSlices(texts, async () => undefined, slice)).toEqual(scan(texts));
      }),
      { numRuns: 300 },
    );
  });

  it('gives way after each slice of the worst text, so that others have their turns', async () => {
    let turns = 0;
    await scanInSlices([pairs], async () => void (turns += 1));
    // Each character is folded once and looked at once, and nothing is looked at twice.
    const slices = (2 * pairs.length) / sliceChars;
    expect(turns).toBeGreaterThanOrEqual(Math.floor(slices) - 2);
    expect(turns).toBeLessThanOrEqual(Math.ceil(slices));
  });

  it('ends with whom it is for', async () => {
    let turns = 0;
    const gone = scanInSlices([pairs], async () => {
      if ((turns += 1) === 3) throw new Error('the client went away');
    });
    await expect(gone).rejects.toThrow('the client went away');
    expect(turns).toBe(3);
  });
});
