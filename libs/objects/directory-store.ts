import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { DomainError, ErrorKind } from '#kernel';
import { keyText, ObjectStore } from './object-store.js';
import type { ByteRange, ObjectKey, StoredObject } from './object-store.js';

/** Objects as files of a directory, which may be shared between machines by a network file system with atomic renames. */
export class DirectoryStore extends ObjectStore {
  constructor(private readonly root: string) {
    super();
  }

  async put(key: ObjectKey, source: AsyncIterable<Uint8Array>): Promise<StoredObject> {
    const path = this.path(key);
    const draft = join(this.root, 'drafts', randomBytes(16).toString('hex'));
    await mkdir(dirname(draft), { recursive: true, mode: 0o700 });
    try {
      const bytes = await writeSynced(draft, source);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(draft, path);
      await syncDirectory(dirname(path));
      await syncDirectory(dirname(dirname(path)));
      return { bytes };
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async get(key: ObjectKey, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    const file = await open(this.path(key), 'r').catch((error: unknown) => {
      if (isMissing(error)) throw new DomainError('NOT_FOUND', ErrorKind.notFound, 'there is no such object');
      throw error;
    });
    if (range && range.end <= range.start) {
      await file.close();
      return Readable.from([]);
    }
    return file.createReadStream({ autoClose: true, highWaterMark: readBytes, ...(range ? { start: range.start, end: range.end - 1 } : {}) });
  }

  async head(key: ObjectKey): Promise<StoredObject | undefined> {
    try {
      return { bytes: (await stat(this.path(key))).size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async delete(key: ObjectKey): Promise<void> {
    await rm(this.path(key), { force: true });
  }

  /** Spread over 256 directories by the last byte of the id: the first ones are the time. */
  private path(key: ObjectKey): string {
    return join(this.root, 'objects', key.tenant, key.id.slice(-2), keyText(key).slice(-36));
  }
}

const readBytes = 256 * 1024;

async function writeSynced(path: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of source) {
      bytes += chunk.length;
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === 'ENOENT';
