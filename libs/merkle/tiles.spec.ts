import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  concat, consistencyProof, consistencySubtrees, hashesFromTiles, inclusionProof, inclusionSubtrees, isTileOf, leafHash, Malformed, packBundle, parseTilePath,
  partialWidths, RightEdge, rootOf, sha256, tilePath, tilesOfSubtrees, toHex, toUtf8, unpackBundle, verifyConsistency, verifyInclusion, type TileId,
} from './index.js';

const leaves = Array.from({ length: 70_000 }, (_, i) => leafHash(sha256, toUtf8(String(i))));

const known = new Map<string, Uint8Array>();

/** The hashes of a tile by their definition: each is the root over 256 to the power of the level leaves. */
function tileBytes({ level, index, width }: TileId): Uint8Array {
  if (level === 'entries') throw new Error('not a tile of hashes');
  return concat(...Array.from({ length: width }, (_, at) => hashIn(level, index * 256 + at)));
}

function hashIn(level: number, at: number): Uint8Array {
  const name = `${level}/${at}`;
  const hash = known.get(name) ?? rootOf(sha256, leaves.slice(at * 256 ** level, (at + 1) * 256 ** level));
  known.set(name, hash);
  return hash;
}

describe('tiles', () => {
  it('are those of the known vectors at size 300', () => {
    expect(toHex(sha256(tileBytes(parseTilePath('tile/0/000'))))).toBe('b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b');
    expect(toHex(sha256(tileBytes(parseTilePath('tile/0/001.p/44'))))).toBe('03c8b91297109114834f4ea4b4043313b3abf15301439b30371d874810427409');
    expect(toHex(tileBytes(parseTilePath('tile/1/000.p/1')))).toBe('828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1');
    expect(toHex(rootOf(sha256, leaves.slice(0, 300)))).toBe('84e13ec1e037155ae619757599b2cd21ada5a565e0fd9b3139c0c3c6c1b8ada9');
    expect(partialWidths(70_000)).toEqual([112, 17, 1]);
    expect(toHex(packBundle(['0', '1', '2'].map(toUtf8)))).toBe('000130000131000132');
    expect(unpackBundle(packBundle(['0', '1', '2'].map(toUtf8)))).toEqual(['0', '1', '2'].map(toUtf8));
  });

  it('have one path each', () => {
    expect(parseTilePath('tile/0/x001/x234/067')).toEqual({ level: 0, index: 1_234_067, width: 256 });
    expect(parseTilePath('tile/entries/x001/000.p/7')).toEqual({ level: 'entries', index: 1000, width: 7 });
    const tiles = fc.record({ level: fc.constantFrom<TileId['level']>(0, 1, 6, 'entries'), index: fc.nat({ max: 2 ** 44 }), width: fc.integer({ min: 1, max: 256 }) });
    fc.assert(fc.property(tiles, (tile) => expect(parseTilePath(tilePath(tile.level, tile.index, tile.width))).toEqual(tile)));
  });

  it.each(['tile/0/0', 'tile/0/x000/001', 'tile/0/001.p/256', 'tile/0/001.p/0', 'tile/0/001.p/044', 'tile/7/000', 'tile/-1/000', 'tile/entries/001/', 'tile/0/001/002', 'tile/0/000.p/44/', 'checkpoint', ''])(
    'have no such path as "%s"',
    (path) => expect(() => parseTilePath(path)).toThrow(Malformed),
  );

  it('are there when the tree has all of them', () => {
    expect(['tile/0/000', 'tile/0/001.p/44', 'tile/0/001.p/1', 'tile/1/000.p/1', 'tile/entries/001.p/44'].map((path) => isTileOf(parseTilePath(path), 300))).toEqual([true, true, true, true, true]);
    expect(['tile/0/001', 'tile/0/001.p/45', 'tile/1/000.p/2', 'tile/2/000.p/1', 'tile/entries/002.p/1'].map((path) => isTileOf(parseTilePath(path), 300))).toEqual([false, false, false, false, false]);
  });

  it('give the root, and proofs that hold, at sizes of one, two and three levels', () => {
    const sizes = [1, 255, 256, 257, 300, 511, 65_536, 65_537, 70_000];
    for (const size of sizes) {
      const root = rootOf(sha256, leaves.slice(0, size));
      const hashAt = hashesFromTiles(sha256, size, tileBytes);
      expect(toHex(RightEdge.restore(sha256, size, hashAt).root())).toBe(toHex(root));
      for (const index of new Set([0, Math.floor(size / 3), size - 1])) {
        const proof = inclusionProof(sha256, index, size, hashAt);
        expect(verifyInclusion(sha256, { leafHash: leaves[index]!, index, size, root, proof })).toBe(true);
        expect(tilesOfSubtrees(inclusionSubtrees(index, size), size).every((tile) => isTileOf(tile, size))).toBe(true);
      }
      const oldSize = Math.ceil(size / 2);
      const proof = consistencyProof(sha256, oldSize, size, hashAt);
      expect(verifyConsistency(sha256, { oldSize, oldRoot: rootOf(sha256, leaves.slice(0, oldSize)), size, root, proof })).toBe(true);
      expect(tilesOfSubtrees(consistencySubtrees(oldSize, size), size).length).toBeLessThanOrEqual(6);
    }
  });

  it('of another length than their width says are refused', () => {
    expect(() => hashesFromTiles(sha256, 300, (tile) => tileBytes(tile).subarray(1))(0, 299)).toThrow('tile/0/001.p/44 has 1407 bytes');
  });
});
