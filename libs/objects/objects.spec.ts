import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generateSealKeys } from '#protocol';
import { ContentKeyOpener, ContentKeyWrapper, DirectoryStore, keyText, MasterKey, SealedObjects, segmentBytes } from './index.js';

const tenant = '00000000-0000-7000-8000-000000000001';
const other = '00000000-0000-7000-8000-000000000002';
const idOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('objects', () => {
  let root: string;
  let store: DirectoryStore;
  let objects: SealedObjects;
  let next = 10;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'mizan-objects-'));
    store = new DirectoryStore(root);
    objects = new SealedObjects(store, new MasterKey(randomBytes(32)));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const fileOf = (id: string): string => {
    const name = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(id));
    return join(root, name ?? 'missing');
  };

  it('come back as they were put, whole and in any part, however they were cut', async () => {
    const sizes = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(segmentBytes - 1, segmentBytes, segmentBytes + 1, 2 * segmentBytes, 3 * segmentBytes + 17));
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), async (size, chunk, a, b) => {
        const key = { tenant, id: idOf(next++) };
        const bytes = randomBytes(size);
        const facts = await objects.put(key, inChunks(bytes, chunk));
        expect(facts.bytes).toBe(size);
        expect((await read(await objects.get(key, facts))).equals(bytes)).toBe(true);
        const [start, end] = [Math.floor(Math.min(a, b) * size), Math.ceil(Math.max(a, b) * size)];
        expect((await read(await objects.get(key, facts, { start, end }))).equals(bytes.subarray(start, end))).toBe(true);
        await objects.delete(key);
      }),
      { numRuns: 15 },
    );
  });

  it('are not on the disk in clear, and another organisation’s key does not open them', async () => {
    const key = { tenant, id: idOf(next++) };
    const facts = await objects.put(key, inChunks(Buffer.from('a sentence about aubergines'), 5));
    expect(readFileSync(fileOf(key.id)).includes('aubergine')).toBe(false);
    await expect(objects.get({ tenant: other, id: key.id }, facts)).rejects.toThrow();
  });

  it('that were changed, cut or put in another’s place are not read', async () => {
    const [one, two] = [{ tenant, id: idOf(next++) }, { tenant, id: idOf(next++) }];
    const bytes = randomBytes(2 * segmentBytes);
    const facts = await objects.put(one, inChunks(bytes, 9_999));
    await objects.put(two, inChunks(bytes, 9_999));
    const whole = readFileSync(fileOf(one.id));
    const changed = Buffer.from(whole);
    changed[5]! ^= 1;
    for (const wrong of [changed, whole.subarray(0, whole.length - 1), whole.subarray(0, segmentBytes + 16), readFileSync(fileOf(two.id))]) {
      writeFileSync(fileOf(one.id), wrong);
      await expect(read(await objects.get(one, facts))).rejects.toThrow();
    }
  });

  it('of which the source breaks off are not kept, and leave nothing behind', async () => {
    const key = { tenant, id: idOf(next++) };
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield* inChunks(randomBytes(200_000), 1_000);
      throw new Error('the client went away');
    }
    await expect(objects.put(key, broken())).rejects.toThrow('the client went away');
    expect(await store.head(key)).toBeUndefined();
    expect(readdirSync(join(root, 'drafts'))).toEqual([]);
    await expect(store.get(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await store.delete(key);
  });

  it('of which the key cannot be wrapped are not kept', async () => {
    const key = { tenant, id: idOf(next++) };
    const refusing = new SealedObjects(store, { wrap: () => Promise.reject(new Error('no content key')), unwrap: () => Promise.reject(new Error('no content key')) });
    await expect(refusing.put(key, inChunks(randomBytes(100), 10))).rejects.toThrow('no content key');
    expect(await store.head(key)).toBeUndefined();
  });

  it('stay as they are when one that is put in their place cannot be wrapped', async () => {
    const key = { tenant, id: idOf(next++) };
    const facts = await objects.put(key, inChunks(Buffer.from('the first'), 4));
    const refusing = new SealedObjects(store, { wrap: () => Promise.reject(new Error('no content key')), unwrap: () => Promise.reject(new Error('no content key')) });
    await expect(refusing.put(key, inChunks(Buffer.from('another'), 4))).rejects.toThrow('no content key');
    expect((await read(await objects.get(key, facts))).toString()).toBe('the first');
  });

  it('are under the newest key when all has come, and under the one of before when that cannot be wrapped to', async () => {
    const wraps = [Buffer.from('early'), Buffer.from('late')].map((bytes) => ({ bytes, over: null }));
    const keysOf = (...results: (() => Promise<{ bytes: Buffer; over: null }>)[]) => ({ wrap: () => results.shift()!(), unwrap: () => Promise.reject(new Error('not asked')) });
    const put = async (keys: ReturnType<typeof keysOf>) => (await new SealedObjects(store, keys).put({ tenant, id: idOf(next++) }, inChunks(randomBytes(10), 4))).wrappedKey;
    expect(await put(keysOf(() => Promise.resolve(wraps[0]!), () => Promise.resolve(wraps[1]!)))).toEqual(wraps[1]);
    expect(await put(keysOf(() => Promise.resolve(wraps[0]!), () => Promise.reject(new Error('away'))))).toEqual(wraps[0]);
  });

  it('have keys that no text of a caller can bend into a path', () => {
    for (const id of ['../../etc/passwd', '', '..', `${idOf(1)}/..`, idOf(1).toUpperCase().replace('0', 'G')]) expect(() => keyText({ tenant, id })).toThrow('assertion failed');
    expect(() => keyText({ tenant: '..', id: idOf(1) })).toThrow('assertion failed');
  });
});

describe('a content key', () => {
  const [mine, others] = [generateSealKeys(), generateSealKeys()];
  const opener = new ContentKeyOpener(mine.privateKey);
  const key = randomBytes(32);

  it('opens what was wrapped to its public half, by however many wrappers', () => {
    for (let n = 0; n < 70; n += 1) {
      const wrapped = new ContentKeyWrapper(mine.publicKey).wrap('a', key);
      expect([opener.unwrap('a', wrapped), opener.unwrap('a', wrapped)]).toEqual([key, key]);
    }
  });

  it('opens nothing of another key or context, and nothing that was changed in any byte', () => {
    const wrapper = new ContentKeyWrapper(mine.publicKey);
    const wrapped = wrapper.wrap('a', key);
    expect(wrapped).not.toEqual(wrapper.wrap('a', key));
    expect(() => opener.unwrap('b', wrapped)).toThrow();
    expect(() => new ContentKeyOpener(others.privateKey).unwrap('a', wrapped)).toThrow();
    for (let at = 0; at < wrapped.length; at += 1) {
      const changed = Buffer.from(wrapped);
      changed[at]! ^= 1;
      expect(() => opener.unwrap('a', changed)).toThrow();
    }
    for (const cut of [Buffer.alloc(0), wrapped.subarray(0, 32), wrapped.subarray(0, -1)]) expect(() => opener.unwrap('a', cut)).toThrow();
  });
});
