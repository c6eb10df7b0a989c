import { describe, expect, it } from '@jest/globals';
import { isDueAgain } from './read-again.js';

describe('reading again what is missing', () => {
  it('is done at once, and then at ever greater distances', () => {
    let last: number | undefined;
    const read: number[] = [];
    for (let block = 101; block <= 1_000; block += 1) {
      if (!isDueAgain(last, 100, block)) continue;
      read.push(block);
      last = block;
    }
    expect(read).toEqual([101, 102, 104, 108, 116, 132, 164, 228, 356, 612]);
  });

  it('begins anew where all agreed in between', () => {
    expect(isDueAgain(612, 700, 701)).toBe(true);
  });
});
