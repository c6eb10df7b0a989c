import { describe, expect, it } from '@jest/globals';
import { leafHash, recompute, rootOf, sha256, toUtf8, type StoredLeaf } from './index.js';

const leaves: StoredLeaf[] = Array.from({ length: 11 }, (_, index) => {
  const entry = toUtf8(`entry ${index}`);
  return { index, entry, leafHash: leafHash(sha256, entry) };
});
const head = { size: leaves.length, root: rootOf(sha256, leaves.map((leaf) => leaf.leafHash)) };

describe('recomputing a log', () => {
  it('holds for what was appended, in one page or two', () => {
    expect(recompute(sha256, leaves, head).holds).toBe(true);
    const first = recompute(sha256, leaves.slice(0, 4));
    expect(first.holds && recompute(sha256, leaves.slice(4), head, first.edge).holds).toBe(true);
  });

  it('names the first entry with a changed byte', () => {
    const changed = leaves.map((leaf) => (leaf.index === 6 ? { ...leaf, entry: toUtf8('entry 7') } : leaf));
    expect(recompute(sha256, changed, head)).toMatchObject({ holds: false, wrongIndex: 6 });
  });

  it('notices an entry that was changed together with its leaf hash', () => {
    const entry = toUtf8('forged');
    const changed = leaves.map((leaf) => (leaf.index === 6 ? { index: 6, entry, leafHash: leafHash(sha256, entry) } : leaf));
    expect(recompute(sha256, changed, head)).toMatchObject({ holds: false, reason: expect.stringContaining('root') });
  });

  it('notices entries that are missing, twice or at the end', () => {
    expect(recompute(sha256, leaves.filter(({ index }) => index !== 3), head)).toMatchObject({ wrongIndex: 3, reason: 'entry 3 is missing' });
    expect(recompute(sha256, [...leaves.slice(0, 3), ...leaves.slice(2)], head)).toMatchObject({ wrongIndex: 3, reason: 'entry 2 stands twice' });
    expect(recompute(sha256, leaves.slice(0, -1), head)).toMatchObject({ wrongIndex: 10 });
  });
});
