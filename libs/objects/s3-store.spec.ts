import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ObjectServer } from '#testing';
import { MasterKey, S3Store, SealedObjects, segmentBytes } from './index.js';

const tenant = '00000000-0000-7000-8000-000000000001';
const idOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const mebibyte = 1024 * 1024;

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('objects in a bucket', () => {
  let server: ObjectServer;
  let store: S3Store;
  let next = 10;
  const storeWith = (secretAccessKey: string): S3Store => new S3Store({ endpoint: server.url, bucket: 'contents', region: 'eu-central-1', prefix: 'mizan/', credentials: { accessKeyId: 'AKID', secretAccessKey } }, () => Date.now());
  beforeAll(async () => {
    server = await ObjectServer.start(new Map([['AKID', 'a secret/of+40 characters']]), 'eu-central-1');
    store = storeWith('a secret/of+40 characters');
  });
  afterAll(async () => {
    await store.close();
    await server.stop();
  });
  afterEach(() => {
    server.failsWith = undefined;
    server.failures = 0;
  });

  it.each([0, 300, 8 * mebibyte, 8 * mebibyte + 1, 17 * mebibyte])('come back as they were put, whole and in any part, of %i bytes', async (size) => {
    const key = { tenant, id: idOf(next++) };
    const bytes = randomBytes(size);
    expect(await store.put(key, inChunks(bytes, 100_003))).toEqual({ bytes: size });
    expect([...server.bytes.keys()].at(-1)).toBe(`/contents/mizan/${tenant}/${key.id}`);
    expect(await store.head(key)).toEqual({ bytes: size });
    expect((await read(await store.get(key))).equals(bytes)).toBe(true);
    for (const [start, end] of [[0, 0], [0, size], [Math.floor(size / 3), Math.ceil(size / 2)]] as const) expect((await read(await store.get(key, { start, end }))).equals(bytes.subarray(start, end))).toBe(true);
    await store.delete(key);
    await store.delete(key);
    expect(await store.head(key)).toBeUndefined();
    expect([server.refused, server.uploads.size]).toEqual([[], 0]);
  });

  it('are sealed before they get there', async () => {
    const key = { tenant, id: idOf(next++) };
    const objects = new SealedObjects(store, new MasterKey(randomBytes(32)));
    const bytes = Buffer.concat([Buffer.from('a sentence about aubergines'), randomBytes(2 * segmentBytes)]);
    const facts = await objects.put(key, inChunks(bytes, 9_999));
    expect(server.bytes.get(`/contents/mizan/${tenant}/${key.id}`)!.includes('aubergine')).toBe(false);
    expect((await read(await objects.get(key, facts, { start: 2, end: segmentBytes + 5 }))).equals(bytes.subarray(2, segmentBytes + 5))).toBe(true);
  });

  it('that are not there are not found', async () => {
    const key = { tenant, id: idOf(next++) };
    await expect(store.get(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.get(key, { start: 5, end: 5 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.get(key, { start: 5, end: 6 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each([200_000, 9 * mebibyte])('of which the source breaks off after %i bytes are not kept, and leave no parts behind', async (after) => {
    const key = { tenant, id: idOf(next++) };
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* inChunks(randomBytes(after), 100_000);
      throw new Error('the client went away');
    }
    await expect(store.put(key, broken())).rejects.toThrow('the client went away');
    expect([await store.head(key), server.uploads.size]).toEqual([undefined, 0]);
  });

  it('are asked for again when the service has too much to do, and not for ever; where they are is not told', async () => {
    const key = { tenant, id: idOf(next++) };
    server.failures = 2;
    await store.put(key, inChunks(Buffer.from('kept'), 2));
    expect((await read(await store.get(key))).toString()).toBe('kept');
    server.failsWith = 503;
    for (const act of [() => store.put(key, inChunks(Buffer.from('lost'), 2)), () => store.get(key), () => store.head(key), () => store.delete(key)]) {
      const error = await act().then(() => undefined, (reason: unknown) => reason as Error);
      expect(error).toMatchObject({ code: 'SERVICE_UNAVAILABLE', message: expect.not.stringContaining('contents/'), cause: { message: expect.stringContaining(server.url) } });
    }
    server.failsWith = undefined;
    expect((await read(await store.get(key))).toString()).toBe('kept');
  });

  it('are neither kept nor read with a wrong key', async () => {
    const wrong = storeWith('another secret');
    const key = { tenant, id: idOf(next++) };
    await expect(wrong.put(key, inChunks(Buffer.from('a'), 1))).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', cause: { message: expect.stringContaining('403') } });
    await expect(wrong.get(key)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await wrong.close();
    expect(server.refused.splice(0)).toEqual(['SignatureDoesNotMatch', 'SignatureDoesNotMatch']);
  });
});
