/** `npm run bench:audit`: how fast an outsider verifies, on one core of this machine. Reads the built `dist/`. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { verifyOffline } from '../../dist/apps/cli/verify/offline-proof.js';
import {
  ed25519Signer, formatProofFile, inclusionProof, leafHash, packBundle, RightEdge, sha256, signCheckpoint, tileWidth, unpackBundle, verifyProofFile, verifySignature,
} from '#merkle';

const entries = Number(process.env.MIZAN_BENCH_ENTRIES ?? 1_000_000);
const entryBytes = 600;
const proofs = 5_000;

/** Of processor time, so that others on the machine do not count. */
const now = () => process.cpuUsage();
const seconds = (start) => {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
};
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = [];

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

{
  const edge = RightEdge.empty(sha256);
  let spent = 0;
  for (const bundle of bundles()) {
    const start = now();
    for (const entry of unpackBundle(bundle)) edge.append(leafHash(sha256, entry));
    spent += seconds(start);
  }
  if (edge.size !== entries) throw new Error('the bundles hold another number of entries');
  rows.push([`re-verify a whole log of ${entries.toLocaleString('en')} entries of ${entryBytes} bytes from its bundles`, `${spent.toFixed(1)} s`, '≤ 15 s for a million']);
}

{
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
  const rates = Array.from({ length: 5 }, () => {
    const start = now();
    for (let at = 0; at < proofs; at += 1) verifyProofFile(files[at % 64], leaves[at % 64], { hash: sha256, verify: verifySignature, logKey: signer.key });
    return proofs / seconds(start);
  });
  rows.push([`verify one proof (signature, entry of ${entryBytes} bytes, 20 hashes)`, `${Math.round(median(rates)).toLocaleString('en')}/s`, '≥ 2,000/s']);
}

{
  const file = readFileSync(new URL('../../docs/vectors/proof.json', import.meta.url), 'utf8');
  const { logKey } = JSON.parse(file);
  if (!verifyOffline(file, logKey).valid) throw new Error('the vector does not hold');
  const rates = Array.from({ length: 5 }, () => {
    const start = now();
    for (let at = 0; at < proofs; at += 1) verifyOffline(file, logKey);
    return proofs / seconds(start);
  });
  rows.push(['verify one bundle: the file of a record, two entries and a body of three fields', `${Math.round(median(rates)).toLocaleString('en')}/s`, '≥ 2,000/s']);
}

console.log('| measure, in seconds of one core | measured | goal |\n|---|---|---|');
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
