import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  concat, cosignatureMessage, ed25519PublicKey, ed25519Sign, ed25519Signer, ed25519Verify, formatCheckpoint, formatNote, formatProofFile,
  formatVerifierKey, fromBase64, fromHex, inclusionProof, leafHash, Malformed, openCheckpoint, openNote, packCosignature, parseCheckpoint,
  parseNote, parseProofFile, parseVerifierKey, rootOf, sha256, signCheckpoint, signNote, SignatureType, toHex, toUtf8, verifierKey,
  verifyProofFile, verifySignature,
} from './index.js';

const origin = 'mizan.example/audit/test';
const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const log = ed25519Signer(origin, seed);
const leaves = Array.from({ length: 7 }, (_, i) => leafHash(sha256, toUtf8(String(i))));
const checkpoint = signCheckpoint({ origin, size: 7, root: rootOf(sha256, leaves) }, log);
const proof = inclusionProof(sha256, 5, 7, (level, index) => rootOf(sha256, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)));
const proofFile = formatProofFile({ index: 5, proof, checkpoint });
const trust = { hash: sha256, verify: verifySignature, logKey: log.key };

const witnessSeed = new Uint8Array(32).fill(0x42);
const witnessKey = verifierKey(sha256, 'witness.example/w1', ed25519PublicKey(witnessSeed), SignatureType.cosignature);
const witnessLine =
  '— witness.example/w1 8e2MRwAAAABpVbkA5iq46dpxkokMBaFuEmklEm5utJzLG6Dp7eAS8bzGbi7d9rDjFDc0tfSPdxY7uJiSGsTn4IhNp85IVY4XPVhiCw==\n';

describe('the known vectors', () => {
  it('give the key, its id and its text', () => {
    expect(toHex(log.key.publicKey)).toBe('03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8');
    expect(log.key.keyId).toBe('49732b34');
    expect(formatVerifierKey(log.key)).toBe('mizan.example/audit/test+49732b34+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4');
    expect(parseVerifierKey(sha256, formatVerifierKey(log.key))).toEqual(log.key);
  });

  it('give the checkpoint of 195 bytes', () => {
    expect(toUtf8(checkpoint).length).toBe(195);
    expect(toHex(sha256(toUtf8(checkpoint)))).toBe('1882d324ea07184cd172f146b2aeaf931a5c491be969063d01352a37433349bc');
  });

  it('give the proof file of 362 bytes', () => {
    expect(toUtf8(proofFile).length).toBe(362);
    expect(toHex(sha256(toUtf8(proofFile)))).toBe('2fb403a45f164f759af2c5011312cdfc438e6e43402f725afc0842246f871d3f');
  });

  it('give the cosignature', () => {
    const { text, signatures } = parseNote(checkpoint);
    const signature = packCosignature(1_767_225_600, ed25519Sign(witnessSeed, cosignatureMessage(1_767_225_600, text)));
    const cosigned = formatNote({ text, signatures: [...signatures, { name: witnessKey.name, keyId: witnessKey.keyId, signature }] });
    expect(toHex(witnessKey.publicKey)).toBe('2152f8d19b791d24453242e15f2eab6cb7cffa7b6a5ed30097960e069881db12');
    expect(witnessKey.keyId).toBe('f1ed8c47');
    expect(cosigned).toBe(checkpoint + witnessLine);
    expect(openCheckpoint(cosigned, log.key, verifySignature, [witnessKey]).witnessedBy).toEqual([witnessKey]);
  });
});

describe('a signed note', () => {
  it('keeps any text, empty lines included, and is split at the last one', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[ -~\u00e9\u4e00]{0,20}$/u), { minLength: 1, maxLength: 6 }), (lines) => {
        const text = `${lines.join('\n')}.\n`;
        expect(openNote(signNote(text, log), [log.key], verifySignature)).toEqual({ text, signedBy: [log.key] });
      }),
    );
  });

  it('ignores keys it does not know and rejects a wrong signature of one it does', () => {
    const other = ed25519Signer('other.example', witnessSeed);
    const note = signNote('hello\n', log, other);
    expect(openNote(note, [log.key], verifySignature).signedBy).toEqual([log.key]);
    const forged = { ...other, sign: () => new Uint8Array(64) };
    expect(() => openNote(signNote('hello\n', log, forged), [log.key, other.key], verifySignature)).toThrow('other.example is wrong');
    expect(() => openNote(note, [witnessKey], verifySignature)).toThrow('no known key');
  });

  it('accepts sixteen signatures', () => {
    const signers = Array.from({ length: 16 }, (_, i) => ed25519Signer(`signer-${i}`, sha256(Uint8Array.of(i))));
    expect(openNote(signNote('hello\n', ...signers), signers.map(({ key }) => key), verifySignature).signedBy).toHaveLength(16);
  });

  it.each([
    ['no signature', 'text\n'],
    ['no final newline', checkpoint.slice(0, -1)],
    ['a control character', checkpoint.replace('mizan', 'miz\tan')],
    ['a hyphen for the dash', checkpoint.replace('—', '-')],
    ['loose base64', checkpoint.replace('RltqNgQ=', 'RltqNgR=')],
    ['a signature without bytes', 'text\n\n— name SXMrNA==\n'],
    ['half a surrogate pair', checkpoint.replace('mizan', '\ud800')],
  ])('is malformed with %s', (_, note) => {
    expect(() => parseNote(note)).toThrow(Malformed);
  });

  it('is malformed when it is not UTF-8', () => {
    expect(() => parseNote(concat(toUtf8(checkpoint), Uint8Array.of(0xff)))).toThrow(Malformed);
  });

  it('has keys whose id must be theirs', () => {
    const text = formatVerifierKey(log.key);
    for (const wrong of [text.replace('49732b34', '49732b35'), text.replace('+AQ', '+AR'), 'name', 'a b+49732b34+AQ==', text.slice(0, -4)]) {
      expect(() => parseVerifierKey(sha256, wrong)).toThrow(Malformed);
    }
    expect(() => ed25519Signer('with space', seed)).toThrow(Malformed);
    expect(ed25519Verify(log.key.publicKey, toUtf8('x'), new Uint8Array(63))).toBe(false);
  });
});

describe('a checkpoint', () => {
  it.each(['a\n07\nB\n', 'a\n-1\n', 'a\n7\n', '\n7\nAAAA\n', 'a\n7\nAAAA\n', 'a\n9007199254740993\n' + 'A'.repeat(43) + '=\n'])('is malformed as %j', (text) => {
    expect(() => parseCheckpoint(text)).toThrow(Malformed);
  });

  it('may carry extension lines', () => {
    const text = formatCheckpoint({ origin, size: 0, root: sha256(new Uint8Array()) });
    expect(parseCheckpoint(`${text}more\n`).size).toBe(0);
  });

  it('is refused from another log, though that log signed it', () => {
    const other = ed25519Signer('other.example', witnessSeed);
    const note = signNote(formatCheckpoint({ origin, size: 7, root: rootOf(sha256, leaves) }), other);
    expect(() => openCheckpoint(note, other.key, verifySignature)).toThrow('not of other.example');
    expect(() => signCheckpoint({ origin, size: 7, root: rootOf(sha256, leaves) }, other)).toThrow(Malformed);
    expect(() => openCheckpoint(checkpoint.split('\n\n')[0] + '\n\n' + witnessLine, log.key, verifySignature, [witnessKey])).toThrow('has not signed');
  });
});

describe('a proof file', () => {
  it('verifies the entry it was made for, and no other', () => {
    expect(verifyProofFile(proofFile, toUtf8('5'), trust).checkpoint.size).toBe(7);
    expect(() => verifyProofFile(proofFile, toUtf8('4'), trust)).toThrow('not number 5');
  });

  it('carries extra bytes', () => {
    const file = { extra: fromHex('0102'), index: 5, proof, checkpoint };
    expect(parseProofFile(formatProofFile(file))).toEqual(file);
    expect(parseProofFile(proofFile)).toEqual({ index: 5, proof, checkpoint });
  });

  it('is rejected after a change of any one bit', () => {
    const bytes = toUtf8(proofFile);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = bytes.slice();
      changed[Math.floor(bit / 8)]! ^= 1 << bit % 8;
      expect(() => verifyProofFile(changed, toUtf8('5'), trust)).toThrow(Malformed);
    }
  });

  it('is malformed with a proof longer than any tree', () => {
    const long = formatProofFile({ index: 5, proof: Array.from({ length: 64 }, () => leaves[0]!), checkpoint });
    expect(() => parseProofFile(long)).toThrow(Malformed);
    expect(() => parseProofFile('')).toThrow(Malformed);
    expect(() => fromBase64('A===')).toThrow(RangeError);
  });
});
