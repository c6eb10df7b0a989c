import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ed25519Signer, formatAddCheckpoint, formatVerifierKey, openCheckpoint, parseVerifierKey, sha256, signCheckpoint, verifySignature } from '#merkle';
import { knownLogs } from './known-logs.js';
import { LastCheckpoints } from './last-checkpoints.js';
import { onlyProcessOn } from './one-process.js';
import { witnessKey } from './witness-key.js';
import { serveWitness, type WitnessServer } from './witness-server.js';
import { Witness } from './witness.js';

const log = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(1));
const note = signCheckpoint({ origin: log.key.name, size: 3, root: sha256(new Uint8Array()) }, log);
const lines: string[] = [];
let directory: string;
let server: WitnessServer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mizan-witness-'));
  lines.length = 0;
  const cosigner = await witnessKey(directory, 'witness.example/w1');
  const witness = new Witness(knownLogs([formatVerifierKey(log.key)]), new LastCheckpoints(directory), cosigner, () => 1_767_225_600);
  server = await serveWitness(witness, formatVerifierKey(cosigner.key), { host: '127.0.0.1', port: 0 }, (line) => lines.push(line));
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const post = (body: string): Promise<Response> => fetch(`${server.url}/add-checkpoint`, { method: 'POST', body });

describe('a witness on a port', () => {
  it('tells its key, and cosigns under it', async () => {
    const key = parseVerifierKey(sha256, (await (await fetch(server.url)).text()).trim());
    const answer = await post(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: note }));
    expect(answer.status).toBe(200);
    expect(openCheckpoint(note + (await answer.text()), log.key, verifySignature, [key]).witnessedBy).toEqual([key]);
    const again = await post(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: note }));
    expect([again.status, again.headers.get('content-type'), await again.text()]).toEqual([409, 'text/x.tlog.size', '3\n']);
    expect(lines).toEqual(['GET / 200', 'POST /add-checkpoint 200', 'POST /add-checkpoint 409']);
  });

  it('keeps its key for itself, and the same over a restart', async () => {
    expect(statSync(join(directory, 'key')).mode & 0o777).toBe(0o600);
    expect((await witnessKey(directory, 'witness.example/w1')).key).toEqual((await witnessKey(directory, 'witness.example/w1')).key);
    writeFileSync(join(directory, 'key'), 'short\n');
    await expect(witnessKey(directory, 'witness.example/w1')).rejects.toThrow('does not hold a key');
  });

  it('refuses what is no checkpoint, too long, or somewhere else', async () => {
    expect((await post('hello')).status).toBe(400);
    expect((await post('x'.repeat(70_000))).status).toBe(413);
    expect((await fetch(`${server.url}/add-checkpoint`)).status).toBe(405);
    expect((await fetch(`${server.url}/other`, { method: 'POST', body: '' })).status).toBe(404);
  });

  it('says that it failed when it could not keep what it would have cosigned', async () => {
    rmSync(directory, { recursive: true });
    const answer = await post(formatAddCheckpoint({ oldSize: 0, proof: [], checkpoint: note }));
    expect([answer.status, await answer.text()]).toEqual([500, 'the witness could not keep the checkpoint\n']);
    expect(lines[0]).toContain('ENOENT');
  });

  it('is one process alone on its directory, and takes over from one that died', () => {
    const free = onlyProcessOn(directory);
    free();
    writeFileSync(join(directory, 'lock'), '1');
    expect(() => onlyProcessOn(directory)).toThrow('in use by process 1');
    writeFileSync(join(directory, 'lock'), '99999999');
    onlyProcessOn(directory)();
  });
});
