/**
 * `node verification.mjs log|proofs|bundles|signatures [BUNDLE]`: how fast an outsider verifies one of these, on one core of this machine; written as JSON. A process
 * of its own for each, of the built `dist/`, as `mizan audit verify` is: who verifies bundles has not hashed a million entries before.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ed25519PublicKey, ed25519Sign, ed25519Signer, ed25519Verify, formatProofFile, inclusionProof, leafHash, nodeCrypto, packBundle, parseVerifierKey, RightEdge, sha256, signCheckpoint, tileWidth, unpackBundle, verifyBundle, verifyProofFile, verifySignature } from '#merkle';

const isQuick = process.env.BENCH_QUICK === '1';
const entries = isQuick ? 20_000 : 1_000_000;
const entryBytes = 600;
const proofs = isQuick ? 500 : 5_000;
const bundleCount = isQuick ? 200 : 2_000;

/** Of processor time, so that others on the machine do not count. */
const now = () => process.cpuUsage();
const seconds = (start) => {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
};
/** The median of five rounds of `count`, a second. */
const rateOf = (count, work) => {
  const rates = Array.from({ length: 5 }, () => {
    const start = now();
    for (let at = 0; at < count; at += 1) work(at);
    return count / seconds(start);
  });
  return rates.sort((a, b) => a - b)[2];
};

/** Bundles of random entries of 600 bytes; the same bundle under other numbers would hash as fast, and these are not the same. */
function* bundles() {
  const noise = randomBytes(entryBytes * tileWidth);
  for (let first = 0; first < entries; first += tileWidth) {
    const count = Math.min(tileWidth, entries - first);
    yield packBundle(Array.from({ length: count }, (_, at) => {
      const entry = new Uint8Array(noise.subarray(at * entryBytes, (at + 1) * entryBytes));
      new DataView(entry.buffer).setUint32(0, first + at);
      return entry;
    }));
  }
}

function log() {
  const edge = RightEdge.empty(sha256);
  let spent = 0;
  for (const bundle of bundles()) {
    const start = now();
    for (const entry of unpackBundle(bundle)) edge.append(leafHash(sha256, entry));
    spent += seconds(start);
  }
  if (edge.size !== entries) throw new Error('the bundles hold another number of entries');
  return { entries, wholeLogSeconds: spent };
}

function proofsOf20Hashes() {
  const signer = ed25519Signer('mizan.example/audit', randomBytes(32));
  const size = 2 ** 20;
  const leaves = Array.from({ length: 64 }, () => randomBytes(entryBytes));
  // Every subtree of 64 entries holds the same ones: the proof is as long as any at this size.
  const known = new Map();
  const hashAt = (level, index) => {
    const name = level < 6 ? `${level}/${index % (64 / 2 ** level)}` : `${level}`;
    if (!known.has(name)) {
      const hash = level === 0 ? leafHash(sha256, leaves[index % 64]) : sha256(Buffer.concat([Uint8Array.of(1), hashAt(level - 1, index * 2), hashAt(level - 1, index * 2 + 1)]));
      known.set(name, hash);
    }
    return known.get(name);
  };
  const checkpoint = signCheckpoint({ origin: signer.key.name, size, root: RightEdge.restore(sha256, size, hashAt).root() }, signer);
  const files = Array.from({ length: 64 }, (_, at) => formatProofFile({ index: at, proof: inclusionProof(sha256, at, size, hashAt), checkpoint }));
  return { proofsPerSecond: rateOf(proofs, (at) => verifyProofFile(files[at % 64], leaves[at % 64], { hash: sha256, verify: verifySignature, logKey: signer.key })) };
}

function wholeBundles() {
  const file = readFileSync(process.argv[3], 'utf8');
  const trust = { logKey: parseVerifierKey(sha256, JSON.parse(file).logKey) };
  const { result, checks } = verifyBundle(file, nodeCrypto, trust);
  if (result !== 'valid') throw new Error(`the bundle does not hold: ${JSON.stringify(checks)}`);
  return { bundlesPerSecond: rateOf(bundleCount, () => verifyBundle(file, nodeCrypto, trust)), bundleBytes: file.length };
}

/** What a bundle takes at least: its signatures, by what verifies them in it. */
function signatures() {
  const seed = randomBytes(32);
  const key = ed25519PublicKey(seed);
  const message = randomBytes(200);
  const signature = ed25519Sign(seed, message);
  if (!ed25519Verify(key, message, signature)) throw new Error('the signature does not hold');
  return { signaturesPerSecond: rateOf(bundleCount, () => ed25519Verify(key, message, signature)) };
}

console.log(JSON.stringify({ log, proofs: proofsOf20Hashes, bundles: wholeBundles, signatures }[process.argv[2]]()));
