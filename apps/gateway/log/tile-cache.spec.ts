import { describe, expect, it } from '@jest/globals';
import { TileCache } from './tile-cache.js';

const tile = Buffer.alloc(744);
const reader = (): { count: number; read: () => Promise<Buffer> } => {
  const seen = { count: 0, read: () => Promise.resolve(((seen.count += 1), tile)) };
  return seen;
};

describe('kept tiles', () => {
  it('are read once, also by those who ask at the same time', async () => {
    const cache = new TileCache();
    const from = reader();
    await Promise.all([cache.get('tile/0/000', from.read), cache.get('tile/0/000', from.read)]);
    expect(await cache.get('tile/0/000', from.read)).toBe(tile);
    expect(from.count).toBe(1);
  });

  it('leave in the order of their last use when the room is full', async () => {
    const cache = new TileCache(2_000);
    const from = reader();
    for (const path of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.get(path, from.read);
    expect(from.count).toBe(4);
  });

  it('are not kept when the reading failed', async () => {
    const cache = new TileCache();
    const from = reader();
    await expect(cache.get('a', () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
    expect(await cache.get('a', from.read)).toBe(tile);
  });
});
