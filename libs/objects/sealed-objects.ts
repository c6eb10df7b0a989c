import { createHash, randomBytes } from 'node:crypto';
import { keyText } from './object-store.js';
import type { ByteRange, ObjectKey, ObjectStore } from './object-store.js';
import { openSegments, sealedRange, sealSegments } from './sealed-segments.js';
import type { KeyWrapper, WrappedKey } from './wrapped-key.js';

/** What has to be remembered of an object to read it again. */
export interface ObjectFacts {
  /** Of the plaintext. */
  readonly bytes: number;
  readonly wrappedKey: WrappedKey;
}

/** Objects that are encrypted before they reach the store. */
export class SealedObjects {
  constructor(
    private readonly store: ObjectStore,
    private readonly keys: KeyWrapper,
  ) {}

  /**
   * `sha256` is the plaintext's, hex. When the source throws, nothing is kept and its error is passed on; so with errors of wrapping. What was there before stays then: it may be somebody
   * else's.
   */
  async put(key: ObjectKey, source: AsyncIterable<Uint8Array>): Promise<ObjectFacts & { sha256: string }> {
    const context = keyText(key);
    const dataKey = randomBytes(32);
    // Before any byte is put, for then nothing is to be taken back.
    const early = await this.keys.wrap(key.tenant, context, dataKey);
    const hash = createHash('sha256');
    let bytes = 0;
    async function* measured(): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    }
    await this.store.put(key, sealSegments(dataKey, context, measured()));
    // Again when all is there: half a gigabyte may take longer than a content key stays the newest.
    const wrappedKey = await this.keys.wrap(key.tenant, context, dataKey).catch(() => early);
    return { bytes, sha256: hash.digest('hex'), wrappedKey };
  }

  /** The plaintext, or a part of it. Errors: NOT_FOUND, those of unwrapping; the stream throws when the stored bytes are not what was put. */
  async get(key: ObjectKey, { bytes, wrappedKey }: ObjectFacts, range: ByteRange = { start: 0, end: bytes }): Promise<AsyncIterable<Uint8Array>> {
    const context = keyText(key);
    const dataKey = await this.keys.unwrap(key.tenant, context, wrappedKey);
    const whole = { start: Math.min(range.start, bytes), end: Math.min(range.end, bytes) };
    return openSegments(dataKey, context, bytes, whole, await this.store.get(key, sealedRange(bytes, whole)));
  }

  delete(key: ObjectKey): Promise<void> {
    return this.store.delete(key);
  }
}
