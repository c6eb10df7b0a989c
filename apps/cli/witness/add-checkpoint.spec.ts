import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  consistencyProof, ed25519Cosigner, ed25519Signer, formatAddCheckpoint, formatVerifierKey, leafHash, openCheckpoint, rootOf, sha256, signCheckpoint, toUtf8, verifySignature,
} from '#merkle';
import { knownLogs } from './known-logs.js';
import { LastCheckpoints } from './last-checkpoints.js';
import { Witness } from './witness.js';

const log = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(1));
const cosigner = ed25519Cosigner('witness.example/w1', new Uint8Array(32).fill(0x42));
const leaves = Array.from({ length: 20 }, (_, at) => leafHash(sha256, toUtf8(`entry ${at}`)));
const forked = leaves.map((leaf, at) => (at === 3 ? leafHash(sha256, toUtf8('another')) : leaf));
const noteOf = (size: number, of = leaves, signer = log): string => signCheckpoint({ origin: signer.key.name, size, root: rootOf(sha256, of.slice(0, size)) }, signer);
const proofOf = (oldSize: number, size: number, of = leaves): Uint8Array[] => consistencyProof(sha256, oldSize, size, (level, index) => rootOf(sha256, of.slice(index * 2 ** level, (index + 1) * 2 ** level)));

let directory: string;
let witness: Witness;
const open = (): Witness => new Witness(knownLogs([formatVerifierKey(log.key)]), new LastCheckpoints(directory), cosigner, () => 1_767_225_600);
const ask = (oldSize: number, size: number, { note = noteOf(size), proof = proofOf(Math.min(oldSize, size), size) } = {}) => witness.addCheckpoint(toUtf8(formatAddCheckpoint({ oldSize, proof, checkpoint: note })));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mizan-witness-'));
  witness = open();
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a witness', () => {
  it('gives the cosignature of the known vector', async () => {
    const vectorLog = ed25519Signer('mizan.example/audit/test', Uint8Array.from({ length: 32 }, (_, at) => at));
    const root = rootOf(sha256, Array.from({ length: 7 }, (_, at) => leafHash(sha256, toUtf8(String(at)))));
    const checkpoint = signCheckpoint({ origin: vectorLog.key.name, size: 7, root }, vectorLog);
    witness = new Witness(knownLogs([formatVerifierKey(vectorLog.key)]), new LastCheckpoints(directory), cosigner, () => 1_767_225_600);
    expect(await witness.addCheckpoint(toUtf8(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint })))).toEqual({
      status: 200,
      contentType: 'text/plain; charset=utf-8',
      body: '\u2014 witness.example/w1 8e2MRwAAAABpVbkA5iq46dpxkokMBaFuEmklEm5utJzLG6Dp7eAS8bzGbi7d9rDjFDc0tfSPdxY7uJiSGsTn4IhNp85IVY4XPVhiCw==\n',
    });
  });

  it('cosigns what grows from what it has cosigned, in signature lines that complete the checkpoint', async () => {
    const first = await ask(0, 7);
    expect(first.status).toBe(200);
    expect(openCheckpoint(noteOf(7) + first.body, log.key, verifySignature, [cosigner.key]).witnessedBy).toEqual([cosigner.key]);
    expect((await ask(7, 13)).status).toBe(200);
    expect((await ask(13, 13)).status).toBe(200);
    expect(await ask(7, 20)).toMatchObject({ status: 409, body: '13\n' });
  });

  it('holds a new key of a log to what it has cosigned under the former one, and knows only the one that it is told', async () => {
    const next = ed25519Signer(log.key.name, new Uint8Array(32).fill(9));
    await ask(0, 7);
    expect((await ask(7, 13, { note: noteOf(13, leaves, next) })).status).toBe(403);
    witness = new Witness(knownLogs([formatVerifierKey(next.key)]), new LastCheckpoints(directory), cosigner, () => 1_767_225_600);
    expect((await ask(7, 13)).status).toBe(403);
    expect(await ask(0, 13, { note: noteOf(13, leaves, next) })).toMatchObject({ status: 409, body: '7\n' });
    expect((await ask(7, 13, { note: noteOf(13, forked, next), proof: proofOf(7, 13, forked) })).status).toBe(422);
    expect((await ask(7, 13, { note: noteOf(13, leaves, next) })).status).toBe(200);
  });

  it('remembers over a restart, whatever else lies in its directory', async () => {
    await ask(0, 13);
    writeFileSync(join(directory, 'half-written.tmp'), 'mizan.exam');
    witness = open();
    expect(await ask(0, 20)).toMatchObject({ status: 409, body: '13\n', contentType: 'text/x.tlog.size' });
    expect((await ask(13, 20)).status).toBe(200);
    expect(readdirSync(directory).filter((name) => name.endsWith('.checkpoint'))).toHaveLength(1);
  });

  it('cosigns neither a fork nor a rollback, and keeps what it had', async () => {
    await ask(0, 7);
    expect((await ask(7, 13, { note: noteOf(13, forked), proof: proofOf(7, 13, forked) })).status).toBe(422);
    expect(await ask(7, 7, { note: noteOf(7, forked), proof: [] })).toMatchObject({ status: 409, body: '7\n' });
    expect(await ask(5, 5)).toMatchObject({ status: 409, body: '7\n' });
    expect((await ask(0, 13, { note: noteOf(13, forked), proof: [] })).status).toBe(409);
    expect((await ask(7, 13)).status).toBe(200);
  });

  it('answers each mistake with its status', async () => {
    const stranger = ed25519Signer('other.example/log', new Uint8Array(32).fill(2));
    const impostor = ed25519Signer(log.key.name, new Uint8Array(32).fill(3));
    expect((await ask(0, 7, { note: noteOf(7, leaves, stranger) })).status).toBe(404);
    expect((await ask(0, 7, { note: noteOf(7, leaves, impostor) })).status).toBe(403);
    expect((await ask(0, 7, { note: noteOf(7).replace(/\n$/, '!\n') })).status).toBe(400);
    const [seven, eight] = [noteOf(7).split('\n\n'), noteOf(8).split('\n\n')];
    expect((await ask(0, 7, { note: `${seven[0]}\n\n${eight[1]}` })).status).toBe(403);
    expect((await ask(8, 7)).status).toBe(400);
    expect((await ask(0, 7, { proof: [leaves[0]!] })).status).toBe(422);
    for (const body of ['', 'old\n\n', 'old 07\n\nx', 'new 0\n\n', `old 0\n${'A'.repeat(44)}\n\n${noteOf(7)}`, `old 0\n${noteOf(7)}`]) {
      expect((await witness.addCheckpoint(toUtf8(body))).status).toBe(400);
    }
    expect((await witness.addCheckpoint(Uint8Array.of(0xff, 0xfe))).status).toBe(400);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('cosigns one of two that come at once from the same size', async () => {
    await ask(0, 3);
    const answers = await Promise.all([ask(3, 13), ask(3, 7), ask(3, 20)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 409]);
    expect(answers.slice(1).map(({ body }) => body)).toEqual(['13\n', '13\n']);
  });

  it('gives no signature when it could not keep the checkpoint', async () => {
    rmSync(directory, { recursive: true });
    await expect(ask(0, 7)).rejects.toThrow('ENOENT');
    writeFileSync(directory, '');
  });
});
