import { describe, expect, it } from '@jest/globals';
import { placeOf, standingOf } from '#chain';

const forever = 2n ** 64n - 1n;

describe('how a delegate stands', () => {
  it.each([
    ['unknown before it was ever named', 0n, 0n, 100n, 'unknown'],
    ['announced until its time has come', 101n, forever, 100n, 'announced'],
    ['live from the very second', 100n, forever, 100n, 'live'],
    ['revoked while what it signs can land, that second included', 10n, 100n, 100n, 'revoked'],
    ['ended after that', 10n, 99n, 100n, 'ended'],
    ['ended when it was revoked before it was live', 500n, 99n, 100n, 'ended'],
  ])('is %s', (_, liveFrom, liveUntil, atSeconds, standing) => {
    expect(standingOf({ liveFrom, liveUntil }, atSeconds)).toBe(standing);
  });

  it('and payees are 256 to a word of its list', () => {
    expect([0, 255, 256, 2 ** 32 - 1].map(placeOf)).toEqual([
      { word: 0, bit: 1n },
      { word: 0, bit: 2n ** 255n },
      { word: 1, bit: 1n },
      { word: 2 ** 24 - 1, bit: 2n ** 255n },
    ]);
  });
});
