import { limits } from '#protocol';

/** A body in pieces of at most `limits.chunkBytes`; an empty body has none. */
export function* chunksOf(body: Buffer): Generator<Buffer> {
  for (let offset = 0; offset < body.length; offset += limits.chunkBytes) {
    yield body.subarray(offset, offset + limits.chunkBytes);
  }
}
