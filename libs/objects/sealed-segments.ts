import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { ByteRange } from './object-store.js';

/** Plaintext bytes of a segment: small enough to read one line of a large file, large enough that the tag costs nothing. */
export const segmentBytes = 64 * 1024;
const tagBytes = 16;

/** How many segments hold `bytes` of plaintext; an empty object has one, so that its emptiness is authenticated too. */
const segmentsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / segmentBytes));

/**
 * Encrypts a stream in segments (AES-256-GCM). The nonce is the segment's number and whether it is the last, so that segments
 * can be neither moved, nor dropped, nor cut off at the end; `key` is used for one object only.
 */
export async function* sealSegments(key: Uint8Array, context: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending: Buffer[] = [];
  let held = 0;
  let index = 0;
  for await (const chunk of source) {
    pending.push(Buffer.from(chunk));
    held += chunk.length;
    if (held <= segmentBytes) continue;
    // Once a chunk, which may be an answer of 64 MiB. One full segment stays back: it may be the last.
    let rest = Buffer.concat(pending);
    for (; rest.length > segmentBytes; rest = rest.subarray(segmentBytes)) yield sealOne(key, context, index++, false, rest.subarray(0, segmentBytes));
    [pending, held] = [[rest], rest.length];
  }
  yield sealOne(key, context, index, true, Buffer.concat(pending));
}

/** The bytes of the sealed object that hold a range of the plaintext. */
export function sealedRange(total: number, range: ByteRange): ByteRange {
  const first = Math.floor(range.start / segmentBytes);
  const last = Math.min(segmentsOf(total), Math.ceil(range.end / segmentBytes) || 1);
  return { start: first * (segmentBytes + tagBytes), end: last * (segmentBytes + tagBytes) - (last === segmentsOf(total) ? segmentBytes - lastSegment(total) : 0) };
}

/** Decrypts what {@link sealedRange} says of an object of `total` plaintext bytes. Throws when anything was changed or is missing. */
export async function* openSegments(key: Uint8Array, context: string, total: number, range: ByteRange, sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const count = segmentsOf(total);
  let index = Math.floor(range.start / segmentBytes);
  const endIndex = Math.min(count, Math.ceil(range.end / segmentBytes) || 1);
  let rest = Buffer.alloc(0);
  for await (const chunk of sealed) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (let size = sizeOf(index, count, total); index < endIndex && rest.length >= size; size = sizeOf(index, count, total)) {
      yield within(openOne(key, context, index, index === count - 1, rest.subarray(0, size)), index, range);
      rest = rest.subarray(size);
      index += 1;
    }
  }
  if (index < endIndex) throw new Error('the object is shorter than it was');
}

const lastSegment = (total: number): number => total - (segmentsOf(total) - 1) * segmentBytes;
const sizeOf = (index: number, count: number, total: number): number => (index === count - 1 ? lastSegment(total) : segmentBytes) + tagBytes;

function within(plaintext: Buffer, index: number, range: ByteRange): Buffer {
  const offset = index * segmentBytes;
  return plaintext.subarray(Math.max(0, range.start - offset), Math.min(plaintext.length, range.end - offset));
}

function nonce(index: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 7);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

function sealOne(key: Uint8Array, context: string, index: number, isLast: boolean, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(index, isLast));
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function openOne(key: Uint8Array, context: string, index: number, isLast: boolean, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(index, isLast));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
}
