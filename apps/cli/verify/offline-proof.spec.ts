import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { ed25519Cosigner, ed25519Signer, formatProofFile, formatSignature, formatVerifierKey, inclusionProof, leafHash, nodeCrypto, openKeyHistory, parseNote, parseProofFile, RightEdge, sha256, signCheckpoint } from '#merkle';
import type { Cosigner } from '#merkle';
import { generateSealKeys, openRecordBody, Sealer, sealRecord } from '#protocol';
import type { LogRecord } from '#protocol';
import { historyOf } from '../../../libs/merkle/key-history-harness.js';
import { verifyOffline } from './offline-proof.js';

const record = '018f0000-0000-7000-8000-000000000001';
const timeMs = Date.UTC(2026, 0, 1);
const tenant = { tenant: '018f0000-0000-7000-8000-00000000000a', pseudonym: 'ab'.repeat(32) };
const signer = ed25519Signer('mizan.example/audit', randomBytes(32));

/** A proof file of two entries of one record in a log of five, as the API gives it. */
function proofFile() {
  const keys = generateSealKeys();
  const sealer = new Sealer(keys.publicKey, '018f0000-0000-7000-8000-00000000000b');
  const seal = (type: 'admitted' | 'completed'): LogRecord => sealRecord({ id: record, type, timeMs, fields: { model: 'm', amount: '5' }, facts: null }, tenant, sealer);
  const own = [seal('admitted'), seal('completed')];
  const leaves = [...[0, 1, 2].map((n) => Buffer.from(`other ${n}`)), ...own.map(({ envelope }) => Buffer.from(envelope, 'base64'))].map((bytes) => leafHash(sha256, bytes));
  const edge = RightEdge.empty(sha256);
  const nodes = new Map(leaves.flatMap((leaf) => edge.append(leaf)).map(({ level, index, hash }) => [`${level}/${index}`, hash]));
  const checkpoint = signCheckpoint({ origin: signer.key.name, size: 5, root: edge.root() }, signer);
  return {
    format: 'mizan-proof/1',
    logKey: formatVerifierKey(signer.key),
    entries: own.map(({ id, type, envelope, body }, at) => ({
      entry: { index: 3 + at, id, type, timeMs, tenant: tenant.tenant, envelope, body: at === 0 ? openRecordBody(id, type, body!, keys.privateKey) : null },
      proof: formatProofFile({ index: 3 + at, proof: inclusionProof(sha256, 3 + at, 5, (level, index) => nodes.get(`${level}/${index}`)!), checkpoint }),
    })),
  };
}

const verdictOf = (file: unknown, pinnedKey?: string) => verifyOffline(JSON.stringify(file), pinnedKey);

describe('verifying a proof file offline', () => {
  it('proves each entry, and says what is disclosed and whose key it was', () => {
    const file = proofFile();
    expect(verdictOf(file, file.logKey)).toEqual({
      valid: true,
      incomplete: false,
      record,
      logKey: file.logKey,
      keyPinned: true,
      error: undefined,
      outsideMemory: 'none',
      entries: [
        { record, type: 'admitted', time: '2026-01-01T00:00:00.000Z', index: 3, logSize: 5, disclosed: true, witnessedBy: [] },
        { record, type: 'completed', time: '2026-01-01T00:00:00.000Z', index: 4, logSize: 5, disclosed: false, witnessedBy: [] },
      ],
    });
    expect(verdictOf(file).keyPinned).toBe(false);
  });

  it('names the witnesses of the reader that have cosigned every checkpoint, no other, and none of the operator', () => {
    const [own, other] = [ed25519Cosigner('witness.example/w1', randomBytes(32)), ed25519Cosigner('witness.example/operator', randomBytes(32))];
    const cosign = (proof: string, ...cosigners: Cosigner[]): string => {
      const { text } = parseNote(parseProofFile(proof).checkpoint);
      return proof + cosigners.map((cosigner) => formatSignature(cosigner.cosign(text, 1_767_225_600))).join('');
    };
    const file = proofFile();
    for (const entry of file.entries) entry.proof = cosign(entry.proof, own, other);
    const keys = [own, other].map(({ key }) => formatVerifierKey(key));
    expect(verifyOffline(JSON.stringify(file), file.logKey, keys.slice(0, 1))).toMatchObject({ valid: true, outsideMemory: ['witness.example/w1'] });
    expect(verifyOffline(JSON.stringify(file), file.logKey)).toMatchObject({ valid: true, outsideMemory: 'none' });
    const operators = ed25519Cosigner('mizan.example/witness', randomBytes(32));
    const its = { ...file, entries: file.entries.map((entry) => ({ ...entry, proof: cosign(entry.proof, operators) })) };
    expect(verifyOffline(JSON.stringify(its), file.logKey, [formatVerifierKey(operators.key)])).toMatchObject({ valid: true, outsideMemory: 'none', entries: [{ witnessedBy: [] }, { witnessedBy: [] }] });
    file.entries[1]!.proof = proofFile().entries[1]!.proof;
    expect(verifyOffline(JSON.stringify(file), file.logKey, keys)).toMatchObject({ valid: false, outsideMemory: 'none' });
    const half = proofFile();
    half.entries[0]!.proof = cosign(half.entries[0]!.proof, own);
    expect(verifyOffline(JSON.stringify(half), half.logKey, keys)).toMatchObject({ valid: true, outsideMemory: 'none' });
    half.entries[1]!.proof = half.entries[1]!.proof + formatSignature(own.cosign('another text\n', 1));
    expect(verifyOffline(JSON.stringify(half), half.logKey, keys)).toMatchObject({ valid: false, error: 'the signature of witness.example/w1 is wrong' });
  });

  it('holds under a key that the log had, by the history of its keys, of a log that it may have signed', () => {
    const file = proofFile();
    const next = ed25519Signer(signer.key.name, randomBytes(32));
    const begin = [...[0, 1, 2].map((n) => Buffer.from(`other ${n}`)), ...file.entries.map(({ entry }) => Buffer.from(entry.envelope, 'base64'))];
    const under = (at: number, entries = begin) => verifyOffline(JSON.stringify(file), formatVerifierKey(next.key), [], openKeyHistory(nodeCrypto, JSON.stringify(historyOf([{ from: signer, to: next, at, size: at }], { begin: entries })), next.key));
    expect(verdictOf(file, formatVerifierKey(next.key))).toMatchObject({ valid: false, error: expect.stringContaining('no known key has signed') });
    expect(under(5)).toMatchObject({ valid: true, logKey: file.logKey, keyPinned: true });
    expect(under(4)).toMatchObject({ valid: false, incomplete: false, error: expect.stringContaining('gave up at 4 entries, and is of 5') });
    // A small tree of a thief's own, and one of the size of the change.
    expect(under(100)).toMatchObject({ valid: false, incomplete: true, error: expect.stringContaining('is not known to have had this state of 5'), outsideMemory: 'none' });
    expect(under(5, [])).toMatchObject({ valid: false, incomplete: false, error: expect.stringContaining('another root') });
  });

  it('refuses the file under another log key', () => {
    const other = formatVerifierKey(ed25519Signer('mizan.example/audit', randomBytes(32)).key);
    expect(verdictOf(proofFile(), other)).toMatchObject({ valid: false, error: expect.stringContaining('no known key has signed') });
  });

  it.each([
    ['a disclosed amount', (file: ReturnType<typeof proofFile>) => (file.entries[0]!.entry.body!.fields['amount'] = '4'), 'commits to'],
    ['a byte of an envelope', (file: ReturnType<typeof proofFile>) => (file.entries[1]!.entry.envelope = changedEnvelope(file.entries[1]!.entry.envelope)), 'not number 4'],
    ['the time beside an entry', (file: ReturnType<typeof proofFile>) => (file.entries[1]!.entry.timeMs += 1), 'its own bytes'],
    ['the index beside an entry', (file: ReturnType<typeof proofFile>) => (file.entries[1]!.entry.index = 3), 'by its proof'],
    ['the proof of another entry', (file: ReturnType<typeof proofFile>) => (file.entries[1]!.proof = file.entries[0]!.proof), 'not number 3'],
    ['no entry', (file: ReturnType<typeof proofFile>) => (file.entries = []), 'proves no entry'],
  ])('refuses a file with %s changed', (_, change, error) => {
    const file = proofFile();
    change(file);
    expect(verdictOf(file)).toMatchObject({ valid: false, error: expect.stringContaining(error) });
  });

  it('refuses what is no proof file', () => {
    expect(verifyOffline('not json', undefined).error).toBe('the file is not JSON');
    expect(verdictOf({ format: 'mizan-proof/1' }).error).toBe('the file is not a proof of a record');
  });
});

/** Another commitment root, the rest as it was. */
function changedEnvelope(envelope: string): string {
  const value = JSON.parse(Buffer.from(envelope, 'base64').toString()) as { root: string };
  value.root = value.root.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  return Buffer.from(JSON.stringify(value)).toString('base64');
}
