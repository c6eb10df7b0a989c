import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyOffline } from '../../apps/cli/verify/offline-proof.js';
import { canonicalJson } from '#kernel';
import {
  discloseBundle, ed25519Cosigner, ed25519Signer, formatBundle, formatProofFile, formatSignature, formatVerifierKey, inclusionProof, leafHash, nodeCrypto, openKeyHistory, parseNote, rootOf, sha256, signCheckpoint, toHex, toUtf8, verifyBundle,
} from '#merkle';
import { commitApart, commitmentRoot, recordTypes } from '#protocol';
import { historyOf } from '../../libs/merkle/key-history-harness.js';
import { exampleBundle, exampleEntries, exampleLog, exampleText } from '../../libs/merkle/bundle-harness.js';

const guide = readFileSync('docs/verify.md', 'utf8');
const vectorPath = 'docs/vectors/proof.json';
const bundlePath = 'docs/vectors/bundle.json';
const shownPath = 'docs/vectors/bundle-shown.json';
const shownText = (): string => formatBundle(discloseBundle(nodeCrypto, exampleBundle(), ['usage', 'usageSource', 'priceVersion', 'chargeNanos']));
const keysPath = 'docs/vectors/log-keys.json';
const nextKey = ed25519Signer(exampleLog.key.name, new Uint8Array(32).fill(9));
const keysText = (): string => `${JSON.stringify(historyOf([{ from: exampleLog, to: nextKey, at: 11 }], { begin: exampleEntries() }), null, 2)}\n`;
const log = ed25519Signer('mizan.example/audit/test', Uint8Array.from({ length: 32 }, (_, at) => at));
const witness = ed25519Cosigner('witness.example/w1', new Uint8Array(32).fill(0x42));
const record = '018f0000-0000-7000-8000-000000000001';
const timeMs = Date.UTC(2026, 0, 1);

/** The file of the guide, from nothing but the seeds that it names. */
function vector(): string {
  const secret = new Uint8Array(32).fill(7);
  const fields = { model: 'mizan/embed', amountNanos: '1500', 'Zürich': [1, 0.5, null, true, { b: 'ü', a: '\n' }] };
  const envelopes = (['admitted', 'completed'] as const).map((type, at) => {
    const version = (at + 1) as 1 | 2;
    const root = commitmentRoot(version, secret, fields);
    return Buffer.from(canonicalJson({ v: 1, id: record, type, time: new Date(timeMs).toISOString(), tenant: 'ab'.repeat(32), schema: `mizan.record.${type}/${version}`, root }));
  });
  const leaves = [...['0', '1', '2'].map(toUtf8), ...envelopes].map((entry) => leafHash(sha256, entry));
  const note = signCheckpoint({ origin: log.key.name, size: 5, root: rootOf(sha256, leaves) }, log);
  const checkpoint = note + formatSignature(witness.cosign(parseNote(note).text, 1_767_225_600));
  const entries = envelopes.map((envelope, at) => ({
    entry: { index: 3 + at, id: record, type: ['admitted', 'completed'][at], timeMs, tenant: '018f0000-0000-7000-8000-00000000000a', envelope: envelope.toString('base64'), body: { secret: Buffer.from(secret).toString('base64'), fields } },
    proof: formatProofFile({ index: 3 + at, proof: inclusionProof(sha256, 3 + at, 5, (level, index) => rootOf(sha256, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))), checkpoint }),
  }));
  return `${JSON.stringify({ format: 'mizan-proof/1', entries, logKey: formatVerifierKey(log.key) }, null, 2)}\n`;
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mizan-guide-'));
  writeFileSync(join(directory, 'verifier.mjs'), /```js\n(.*?)```/s.exec(guide)![1]!);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the verifier of the guide, as it stands there. */
function run(file: string, key = formatVerifierKey(log.key)): Promise<{ code: number; out: string }> {
  const path = join(directory, 'proof.json');
  writeFileSync(path, file);
  return new Promise((resolve) => {
    execFile(process.execPath, [join(directory, 'verifier.mjs'), path, key], (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }));
  });
}

describe('the guide to verifying', () => {
  it('has the vector that its seeds give; run with UPDATE_VECTORS=1 to write it anew', () => {
    if (process.env['UPDATE_VECTORS']) writeFileSync(vectorPath, vector());
    expect(readFileSync(vectorPath, 'utf8') === vector() || 'docs/vectors/proof.json is stale').toBe(true);
    if (process.env['UPDATE_VECTORS']) writeFileSync(bundlePath, exampleText());
    expect(readFileSync(bundlePath, 'utf8') === exampleText() || 'docs/vectors/bundle.json is stale').toBe(true);
    if (process.env['UPDATE_VECTORS']) writeFileSync(shownPath, shownText());
    expect(readFileSync(shownPath, 'utf8') === shownText() || 'docs/vectors/bundle-shown.json is stale').toBe(true);
    if (process.env['UPDATE_VECTORS']) writeFileSync(keysPath, keysText());
    expect(readFileSync(keysPath, 'utf8') === keysText() || 'docs/vectors/log-keys.json is stale').toBe(true);
    for (const { key } of [exampleLog, nextKey]) expect(openKeyHistory(nodeCrypto, keysText(), key).keys.map(({ untilSize }) => untilSize)).toEqual([11, undefined]);
    expect(verifyBundle(exampleText(), nodeCrypto, { logKey: nextKey.key, history: openKeyHistory(nodeCrypto, keysText(), nextKey.key) }).result).toBe('valid');
    expect(guide).toContain(formatVerifierKey(nextKey.key));
    expect(guide).toContain(formatVerifierKey(exampleLog.key));
    expect(guide).toContain(formatVerifierKey(log.key));
    expect(guide).toContain(formatVerifierKey(witness.key));
  });

  it('has roots that are those of its trees', () => {
    const rows = [...guide.matchAll(/^\| (\d+) \| ([0-9a-f]{64}) \|$/gm)];
    expect(rows).toHaveLength(8);
    for (const [, size, root] of rows) expect(toHex(rootOf(sha256, Array.from({ length: Number(size) }, (_, at) => leafHash(sha256, toUtf8(String(at))))))).toBe(root);
  });

  it('names every type of entry that there is, and none that there is not', () => {
    const table = guide.split('## Which events are entries')[1]!.split('\n## ')[0]!;
    expect([...new Set([...table.matchAll(/`([^`]+)`/g)].map(([, type]) => type!))].sort()).toEqual([...recordTypes].sort());
  });

  it('has a verifier that accepts the vector, as ours does', async () => {
    expect(await run(vector())).toEqual({ code: 0, out: `holds: admitted of record ${record}, entry 3 of 5, with its body\nholds: completed of record ${record}, entry 4 of 5, with its body\n` });
    expect(verifyOffline(vector(), formatVerifierKey(log.key), [formatVerifierKey(witness.key)])).toMatchObject({ valid: true, outsideMemory: ['witness.example/w1'] });
  });

  it.each([
    ['a value of the body', (text: string) => text.replace('"1500"', '"1501"'), 'not the one that was committed to'],
    ['an envelope', (text: string) => text.replace(/("envelope": "[^"]{24})(.)/, (_, before: string, digit: string) => before + (digit === 'A' ? 'B' : 'A')), 'not in the log'],
    ['a hash of a proof', (text: string) => text.replace(/(index 3\\n)(.)/, (_, before: string, digit: string) => before + (digit === 'A' ? 'B' : 'A')), 'not in the log'],
    ['the root', (text: string) => text.replaceAll(/(\\n5\\n)(.)/g, (_, before: string, digit: string) => before + (digit === 'A' ? 'B' : 'A')), 'signature of the log is wrong'],
    ['the signature', (text: string) => text.replaceAll(/(— mizan\S+ \S{20})(.)/g, (_, before: string, digit: string) => before + (digit === 'A' ? 'B' : 'A')), 'signature of the log is wrong'],
    ['an index', (text: string) => text.replace('"index": 3', '"index": 2'), 'of another entry'],
    ['a time', (text: string) => text.replace(`"timeMs": ${timeMs}`, `"timeMs": ${timeMs + 1}`), 'something else than the entry'],
  ])('has a verifier that refuses the vector with %s changed, as ours does', async (_, change, reason) => {
    const changed = change(vector());
    expect(changed).not.toBe(vector());
    const told = await run(changed);
    expect([told.code, told.out.includes(reason) || told.out]).toEqual([1, true]);
    expect(verifyOffline(changed, formatVerifierKey(log.key)).valid).toBe(false);
  });

  it.each([[false], [true]])('has a verifier for records about a person; erased: %s', async (isErased) => {
    const [secret, apartSecret] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)];
    const fields = { subject: 'cd'.repeat(32), model: 'm', tags: ['a'], zeta: 1 };
    const { root, commitments } = commitApart(secret, apartSecret, fields, (name) => name === 'subject' || name === 'tags');
    const envelope = Buffer.from(canonicalJson({ v: 1, id: record, type: 'refused', time: new Date(timeMs).toISOString(), tenant: 'ab'.repeat(32), schema: 'mizan.record.refused/3', root }));
    const checkpoint = signCheckpoint({ origin: log.key.name, size: 1, root: leafHash(sha256, envelope) }, log);
    const person = { keyId: record, commitments, secret: isErased ? null : Buffer.from(apartSecret).toString('base64') };
    const body = { secret: Buffer.from(secret).toString('base64'), fields: isErased ? { model: 'm', zeta: 1 } : fields, person };
    const file = (changed: object): string => JSON.stringify({ format: 'mizan-proof/1', logKey: formatVerifierKey(log.key), entries: [{ entry: { index: 0, id: record, type: 'refused', timeMs, tenant: record, envelope: envelope.toString('base64'), body: changed }, proof: formatProofFile({ index: 0, proof: [], checkpoint }) }] });
    expect(await run(file(body))).toMatchObject({ code: 0 });
    expect(verifyOffline(file(body), formatVerifierKey(log.key)).valid).toBe(true);
    for (const changed of [{ ...body, fields: { ...body.fields, model: 'n' } }, { ...body, fields: { ...body.fields, subject: 'x' } }, { ...body, person: { ...person, commitments: { ...commitments, subject: 'ef'.repeat(32) } } }, { ...body, person: { ...person, commitments: { rubject: commitments['subject']!, tags: commitments['tags']! } } }]) {
      expect((await run(file(changed))).code).toBe(1);
      expect(verifyOffline(file(changed), formatVerifierKey(log.key)).valid).toBe(false);
    }
  });

  it('has a verifier that refuses another key', async () => {
    expect((await run(vector(), formatVerifierKey(ed25519Signer('mizan.example/audit/test', new Uint8Array(32)).key))).out).toContain('has not signed');
  });
});
