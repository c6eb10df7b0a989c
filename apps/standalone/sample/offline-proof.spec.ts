import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { ed25519Signer, formatProofFile, formatVerifierKey, leafHash, nodeHash, sha256, signCheckpoint } from '#merkle';
import { generateSealKeys, openRecordBody, Sealer, sealRecord } from '#protocol';
import { verifyProof } from './offline-proof.js';

const id = '0198c0de-0000-7000-8000-000000000001';
const signer = ed25519Signer('example.org/log', randomBytes(32));
const keys = generateSealKeys();
const record = sealRecord({ id, type: 'refused', timeMs: 1_700_000_000_000, fields: { model: 'm', tags: ['sender:a@b.c'] }, facts: null }, { tenant: id, pseudonym: 'ab'.repeat(32) }, new Sealer(keys.publicKey, id));
const bytes = Buffer.from(record.envelope, 'base64');

/** The proof of the second of two entries. */
function proofOf(change: { envelope?: string; fields?: object; type?: string } = {}): string {
  const sibling = leafHash(sha256, Buffer.from('another entry'));
  const root = nodeHash(sha256, sibling, leafHash(sha256, bytes));
  const checkpoint = signCheckpoint({ origin: signer.key.name, size: 2, root }, signer);
  const body = openRecordBody(id, 'refused', record.body!, keys.privateKey);
  const entry = { index: 1, id, type: change.type ?? 'refused', timeMs: 1_700_000_000_000, tenant: id, envelope: change.envelope ?? record.envelope, body: { ...body, fields: change.fields ?? body.fields } };
  return JSON.stringify({ format: 'mizan-proof/1', entries: [{ entry, proof: formatProofFile({ index: 1, proof: [sibling], checkpoint }) }], logKey: formatVerifierKey(signer.key) });
}

describe('a proof file', () => {
  it('shows by itself that an entry and its body are in the signed log', () => {
    expect(verifyProof(proofOf(), id)).toEqual([{ type: 'refused', index: 1, size: 2 }]);
  });

  it('fails for another record, another kind, another body or one other bit of the entry', () => {
    const flipped = Buffer.from(bytes);
    // Inside the commitment root, so that the entry still parses.
    const at = flipped.indexOf('"root":"') + 8;
    flipped[at] = flipped[at] === 0x30 ? 0x31 : 0x30;
    expect(() => verifyProof(proofOf(), '0198c0de-0000-7000-8000-000000000002')).toThrow('not of record');
    expect(() => verifyProof(proofOf({ type: 'admitted' }), id)).toThrow('not of record');
    expect(() => verifyProof(proofOf({ fields: { model: 'another', tags: [] } }), id)).toThrow('not what its entry commits to');
    expect(() => verifyProof(proofOf({ envelope: flipped.toString('base64') }), id)).toThrow(/commits to|not number/);
  });

  it('is nothing without entries', () => {
    const proof = JSON.parse(proofOf()) as { entries: unknown[] };
    expect(() => verifyProof(JSON.stringify({ ...proof, entries: [] }), id)).toThrow('no entry');
  });
});
