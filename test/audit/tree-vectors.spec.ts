import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  consistencyProof, ed25519Cosigner, ed25519Signer, formatCheckpoint, formatSignature, formatVerifierKey, inclusionProof, leafHash, rootOf, sha256, signCheckpoint, toBase64, toHex, toUtf8,
  verifyConsistency, verifyInclusion,
} from '#merkle';
import type { HashAt } from '#merkle';

const guide = readFileSync('docs/verify.md', 'utf8');
const vectorPath = 'docs/vectors/tree.json';
const sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 1_000];
const leaves = Array.from({ length: 1_000 }, (_, at) => leafHash(sha256, toUtf8(String(at))));
const root = (size: number): Uint8Array => rootOf(sha256, leaves.slice(0, size));
const hashAt: HashAt = (level, index) => rootOf(sha256, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

const seeds = { log: Uint8Array.from({ length: 32 }, (_, at) => at), witness: new Uint8Array(32).fill(0x42) };
const log = ed25519Signer('mizan.example/audit/test', seeds.log);
const witness = ed25519Cosigner('witness.example/w1', seeds.witness);
const timeSeconds = 1_767_225_600;

const inclusionOf = (size: number): number[] => (size > 8 ? [0, 1, 255, 256, 511, 512, 991, 992, 998, 999] : Array.from({ length: size }, (_, at) => at));
const consistencyOf = (size: number): number[] => (size > 8 ? [1, 2, 3, 7, 8, 255, 256, 512, 767, 999, 1_000] : Array.from({ length: size }, (_, at) => at + 1));

/** A digit of the first hash of a proof, changed. */
const changed = (hash: string): string => (hash.startsWith('A') ? 'B' : 'A') + hash.slice(1);

/** The file, from nothing but numbers and the two seeds. */
function vectors() {
  const inclusion = sizes.flatMap((size) => inclusionOf(size).map((index) => ({ index, size, proof: inclusionProof(sha256, index, size, hashAt).map(toBase64), holds: true })));
  const consistency = sizes.flatMap((size) => consistencyOf(size).map((oldSize) => ({ oldSize, size, proof: consistencyProof(sha256, oldSize, size, hashAt).map(toBase64), holds: true })));
  const [five, seven] = [inclusion.find(({ index, size }) => index === 5 && size === 7)!, consistency.find(({ oldSize, size }) => oldSize === 3 && size === 7)!];
  return {
    entries: 'entry n is the ASCII decimal of n, from 0',
    leafHashes: [0, 1, 2].map((at) => toHex(leaves[at]!)),
    roots: sizes.map((size) => ({ size, root: toHex(root(size)) })),
    inclusion: [
      ...inclusion,
      { ...five, proof: [changed(five.proof[0]!), ...five.proof.slice(1)], holds: false },
      { ...five, proof: five.proof.slice(0, -1), holds: false },
      { ...five, proof: [...five.proof, five.proof[0]!], holds: false },
      { ...five, proof: five.proof.toReversed(), holds: false },
      { ...five, index: 4, holds: false },
      { ...five, index: 7, holds: false },
      { ...five, size: 8, holds: false },
    ],
    consistency: [
      ...consistency,
      { ...seven, proof: [changed(seven.proof[0]!), ...seven.proof.slice(1)], holds: false },
      { ...seven, proof: seven.proof.slice(0, -1), holds: false },
      { ...seven, proof: [...seven.proof, seven.proof[0]!], holds: false },
      { ...seven, proof: [], holds: false },
      { ...seven, oldSize: 4, holds: false },
      { oldSize: 7, size: 7, proof: [seven.proof[0]!], holds: false },
      { oldSize: 8, size: 7, proof: [], holds: false },
    ],
    keys: {
      log: { seed: toHex(seeds.log), verifierKey: formatVerifierKey(log.key) },
      witness: { seed: toHex(seeds.witness), verifierKey: formatVerifierKey(witness.key) },
    },
    checkpoints: sizes.map((size) => {
      const checkpoint = { origin: log.key.name, size, root: root(size) };
      const note = signCheckpoint(checkpoint, log);
      return { size, note, cosignature: { timeSeconds, line: formatSignature(witness.cosign(formatCheckpoint(checkpoint), timeSeconds)) } };
    }),
  };
}
const text = (): string => `${JSON.stringify(vectors(), null, 1).replace(/\[\n\s+("[^"]*"(?:,\n\s+"[^"]*")*)\n\s+\]/g, (_, list: string) => `[${list.replaceAll(/,\n\s+/g, ', ')}]`)}\n`;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mizan-vectors-'));
  writeFileSync(join(directory, 'tree.mjs'), /```js\n(\/\/ tree\.mjs.*?)```/s.exec(guide)![1]!);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the program of the guide, as it stands there. */
function run(file: unknown): Promise<{ code: number; out: string }> {
  const path = join(directory, 'tree.json');
  writeFileSync(path, JSON.stringify(file));
  return new Promise((resolve) => {
    execFile(process.execPath, [join(directory, 'tree.mjs'), path], (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }));
  });
}

describe('the vectors of trees', () => {
  it('are those that numbers and seeds give; run with UPDATE_VECTORS=1 to write them anew', () => {
    if (process.env['UPDATE_VECTORS']) writeFileSync(vectorPath, text());
    expect(readFileSync(vectorPath, 'utf8') === text() || `${vectorPath} is stale`).toBe(true);
  });

  it('are those that were computed elsewhere, from RFC 9162 and the C2SP texts alone', () => {
    const { roots, consistency, inclusion, checkpoints, keys } = vectors();
    expect(roots.find(({ size }) => size === 7)!.root).toBe('a3e23b32ccb6bf96d092d165d8aa546e09829de8f03b0e8957581d1e16b92bdf');
    expect(roots.find(({ size }) => size === 8)!.root).toBe('3b85a9626c1ccb64c6b95ec7fa64888defe2cf12e39e77e10812ce5fcb9cb58e');
    expect(inclusion.find(({ index, size }) => index === 5 && size === 7)!.proof).toEqual(['EeH1WCI/THG2vhzs/R8N6HFG0llId8J7KexRn5BAITw=', 'O/nIHCMcrnC2eNPzA4+fT21rnXrc+bN48lkZrlPRdoY=', 'n0o/wg1BYtw31OI9kHhIcxp2BD//9taSiL8av7z/R44=']);
    expect(consistency.find(({ oldSize, size }) => oldSize === 4 && size === 8)!.proof).toEqual(['MfKXOrY+GTdd/g0WWpLr2aE9KLXm/HgHLEBovXu/vDc=']);
    expect(consistency.find(({ oldSize, size }) => oldSize === 6 && size === 8)!.proof).toEqual(['0nN9zop98dfVz01fUtJ0gCxxv+IKLgeGguccGC05jJA=', '84SgD/FIOtEjwFy1A1yb+kai2SVUil+jas8Xdsmw9Eg=', 'n0o/wg1BYtw31OI9kHhIcxp2BD//9taSiL8av7z/R44=']);
    expect(keys.log.verifierKey).toBe('mizan.example/audit/test+49732b34+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4');
    expect(checkpoints.find(({ size }) => size === 7)).toEqual({
      size: 7,
      note: 'mizan.example/audit/test\n7\no+I7Msy2v5bQktFl2KpUbgmCnejwOw6JV1gdHha5K98=\n\n— mizan.example/audit/test SXMrNMyCkc9KzL8b3wYv2biU9tt3s9t3stCzU1NSzGFV2RbiKXe7YwztXeILcM3mRT6TdhRr+ZkomLAHS7YbRltqNgQ=\n',
      cosignature: { timeSeconds, line: '— witness.example/w1 8e2MRwAAAABpVbkA5iq46dpxkokMBaFuEmklEm5utJzLG6Dp7eAS8bzGbi7d9rDjFDc0tfSPdxY7uJiSGsTn4IhNp85IVY4XPVhiCw==\n' },
    });
  });

  it('hold and do not hold as they say, for our own verifier', () => {
    const { inclusion, consistency } = vectors();
    const bytes = (proof: readonly string[]): Uint8Array[] => proof.map((hash) => Buffer.from(hash, 'base64'));
    for (const { index, size, proof, holds } of inclusion) expect([index, size, verifyInclusion(sha256, { leafHash: leaves[index]!, index, size, root: root(size), proof: bytes(proof) })]).toEqual([index, size, holds]);
    for (const { oldSize, size, proof, holds } of consistency) expect([oldSize, size, verifyConsistency(sha256, { oldSize, oldRoot: root(oldSize), size, root: root(size), proof: bytes(proof) })]).toEqual([oldSize, size, holds]);
  });

  it('hold for the program of the guide, which shares no code with us', async () => {
    const { inclusion, consistency, checkpoints } = vectors();
    expect(await run(vectors())).toEqual({ code: 0, out: `10 roots, ${inclusion.length} inclusion proofs, ${consistency.length} consistency proofs, ${checkpoints.length} checkpoints: as they should be\n` });
  });

  it.each<[string, (file: ReturnType<typeof vectors>) => unknown, string]>([
    ['a root', (file) => ({ ...file, roots: file.roots.map((row) => (row.size === 6 ? { ...row, root: '00'.repeat(32) } : row)) }), 'root of 6'],
    ['an inclusion proof', (file) => ({ ...file, inclusion: file.inclusion.map((row, at) => (at === 20 ? { ...row, holds: !row.holds } : row)) }), 'inclusion'],
    ['a consistency proof', (file) => ({ ...file, consistency: file.consistency.map((row, at) => (at === 12 ? { ...row, proof: row.proof.map(changed) } : row)) }), 'consistency'],
    ['a checkpoint', (file) => ({ ...file, checkpoints: file.checkpoints.map((row) => ({ ...row, note: row.note.replace('\n7\n', '\n6\n') })) }), 'signature'],
    ['a cosignature', (file) => ({ ...file, checkpoints: file.checkpoints.map((row) => ({ ...row, cosignature: { ...row.cosignature, timeSeconds: timeSeconds + 1 } })) }), 'cosignature'],
  ])('do not hold there with %s changed', async (_, change, reason) => {
    const { code, out } = await run(change(vectors()));
    expect([code, out.includes(reason) || out]).toEqual([1, true]);
  });
});
