import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { z } from 'zod';
import { Serve } from '#messaging';
import {
  concat, ed25519Signer, leafHash, nodeCrypto, openCheckpoint, openKeyHistory, packBundle, RightEdge, rootOf, sha256, signCheckpoint, toHex, unpackBundle, verifySignature,
} from '#merkle';
import { historyOf } from '../../../libs/merkle/key-history-harness.js';
import { failure, governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { defineService, runService, type RunningService } from '#service';
import { testNats, type TestNats } from '#testing';
import { gateway } from '../gateway.service-definition.js';

const signer = ed25519Signer('mizan.test/audit', new Uint8Array(32).fill(7));
/** Entries of 4 KiB: a full bundle of them takes several messages. */
const entries = Array.from({ length: 300 }, (_, at) => new Uint8Array(4_096).fill(at));
const leaves = entries.map((entry) => leafHash(sha256, entry));
const asked: string[] = [];
const former = ed25519Signer(signer.key.name, new Uint8Array(32).fill(8));
const history = historyOf([{ from: former, to: signer, at: 3 }]) as ReplyOf<typeof governanceCalls.logKeys>;

@Controller()
class LogRpc {
  @Serve(governanceCalls.published)
  published(): ReplyOf<typeof governanceCalls.published> {
    asked.push('checkpoint');
    return { note: signCheckpoint({ origin: signer.key.name, size: entries.length, root: rootOf(sha256, leaves) }, signer), logKey: '' };
  }

  @Serve(governanceCalls.logKeys)
  keys(): ReplyOf<typeof governanceCalls.logKeys> {
    asked.push('keys');
    return history;
  }

  @Serve(governanceCalls.tile)
  tile({ level, index, width }: RequestOf<typeof governanceCalls.tile>): ReplyOf<typeof governanceCalls.tile> {
    asked.push(`${level}/${index}/${width}`);
    const hashes = level === 0 ? leaves.slice(index * 256, index * 256 + width) : [rootOf(sha256, leaves.slice(0, 256))];
    if (level > 1 || hashes.length !== width) throw failure('NOT_FOUND', 'the log has no such tile (yet)');
    return { hashes: Buffer.from(concat(...hashes)).toString('base64') };
  }

  @Serve(governanceCalls.entryBundle)
  bundle({ index, width, from }: RequestOf<typeof governanceCalls.entryBundle>): ReplyOf<typeof governanceCalls.entryBundle> {
    const to = Math.min(width, from + 100);
    return { bundle: Buffer.from(packBundle(entries.slice(index * 256 + from, index * 256 + to))).toString('base64'), next: to === width ? null : to };
  }
}

@Module({ controllers: [LogRpc] })
class LogModule {}

let nats: TestNats;
let log: RunningService;
let edge: RunningService;
const get = (path: string): Promise<Response> => fetch(`${edge.url}/log/${path}`);
const bytesOf = async (path: string): Promise<Uint8Array> => new Uint8Array(await (await get(path)).arrayBuffer());

beforeAll(async () => {
  nats = await testNats();
  const env = (name: 'gateway' | 'governance'): NodeJS.ProcessEnv => ({ NATS_URL: nats.url, NATS_CREDS: nats.credentials[name], LOG_LEVEL: 'fatal' });
  log = await runService(defineService({ name: 'governance', config: z.object({}), module: () => LogModule, migrations: [], http: 'internal' }), env('governance'));
  edge = await runService(gateway, { ...env('gateway'), KEY_PEPPER: 'a pepper for integration tests' });
});

afterAll(async () => {
  await edge?.stop();
  await log?.stop();
  await nats?.stop();
});

describe('the log over HTTP, without a key', () => {
  it('gives a reader all that it takes to derive the signed root', async () => {
    const answer = await get('checkpoint');
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([200, 'text/plain; charset=utf-8', 'public, max-age=2']);
    const { size, root } = openCheckpoint(await answer.text(), signer.key, verifySignature);
    const read = [...unpackBundle(await bytesOf('tile/entries/000')), ...unpackBundle(await bytesOf('tile/entries/001.p/44'))];
    const tree = RightEdge.empty(sha256);
    for (const entry of read) tree.append(leafHash(sha256, entry));
    expect([tree.size, toHex(tree.root())]).toEqual([size, toHex(root)]);
    expect(toHex(concat(await bytesOf('tile/0/000'), await bytesOf('tile/0/001.p/44')))).toBe(toHex(concat(...leaves)));
  });

  it('gives the keys that the log had, to whoever knows one of them', async () => {
    const [answer, again] = await Promise.all([get('keys'), get('keys')]);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control'), answer.headers.get('access-control-allow-origin')]).toEqual([200, 'application/json; charset=utf-8', 'public, max-age=2', '*']);
    const text = await answer.text();
    for (const { key } of [former, signer]) expect(openKeyHistory(nodeCrypto, text, key).keys.map(({ untilSize }) => untilSize)).toEqual([3, undefined]);
    expect([await again.text(), asked.filter((what) => what === 'keys')]).toEqual([text, ['keys']]);
  });

  it('serves tiles for caches to keep, and reads each once', async () => {
    const answers = await Promise.all([get('tile/0/001.p/43'), get('tile/0/001.p/43')]);
    await get('tile/0/001.p/43');
    expect(answers.map(({ status, headers }) => [status, headers.get('content-type'), headers.get('cache-control')])).toEqual(Array(2).fill([200, 'application/octet-stream', 'public, max-age=31536000, immutable']));
    expect(asked.filter((tile) => tile === '0/1/43')).toHaveLength(1);
    const before = asked.filter((tile) => tile === 'checkpoint').length;
    await Promise.all([get('checkpoint'), get('checkpoint'), get('checkpoint')]);
    expect(asked.filter((tile) => tile === 'checkpoint').length - before).toBeLessThanOrEqual(1);
  });

  it.each(['tile/0/001', 'tile/2/000.p/1', 'tile/0/1', 'tile/0/001.p/256', 'tile/entries', 'tile/', 'tile/0/000/..%2f..', 'tile/-1/000'])('answers that there is no %s', async (path) => {
    const answer = await get(path);
    expect(answer.status === 404 || answer.status === 400).toBe(true);
    expect(answer.headers.get('cache-control') ?? '').not.toContain('immutable');
    expect(await answer.json()).toHaveProperty('error.code');
  });

  it('is for reading only', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await fetch(`${edge.url}/log/checkpoint`, { method })).status).toBe(404);
  });
});
