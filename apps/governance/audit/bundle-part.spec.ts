import { describe, expect, it } from '@jest/globals';
import { concat, packBundle } from '#merkle';
import { bundlePart } from './bundle-part.js';

const entries = [10, 65_535, 65_535, 3].map((length, at) => new Uint8Array(length).fill(at));

describe('a part of an entry bundle', () => {
  it('is the whole when it fits', () => {
    expect(bundlePart(entries, 0, 1_000_000)).toEqual({ bundle: packBundle(entries), next: null });
  });

  it('ends before the entry that would be too much, and the parts make the whole', () => {
    const parts: Uint8Array[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const part = bundlePart(entries.slice(from), from, 70_000);
      expect(part.bundle.length).toBeLessThanOrEqual(70_000);
      parts.push(part.bundle);
      from = part.next;
    }
    expect(parts).toHaveLength(2);
    expect(concat(...parts)).toEqual(packBundle(entries));
  });

  it('holds at least one entry, so that it ends', () => {
    expect(bundlePart(entries.slice(1), 1, 100)).toEqual({ bundle: packBundle(entries.slice(1, 2)), next: 2 });
  });
});
