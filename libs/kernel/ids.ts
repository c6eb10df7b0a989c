import { randomBytes as cryptoRandomBytes } from 'node:crypto';
import { Clock } from './clock.js';

/** Source of identifiers. UUIDv7 sorts by time, which keeps B-tree inserts at the right edge. */
export abstract class Ids {
  abstract uuid(): string;
}

/** RFC 9562 UUIDv7 from a millisecond time and 10 random bytes. */
export function uuidv7(timeMs: number, random: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(timeMs, 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** RFC 9562 UUIDv8 of a SHA-256 in hexadecimal: the same for what hashes to the same, whoever makes it. */
export function uuidOfHash(hash: string): string {
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** What one call to the system's generator fetches: a call for each id costs several times what the rest of an id does. */
const randomPoolBytes = 4_096;

function pooledRandom(): (size: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let used = 0;
  return (size) => {
    if (used + size > pool.length) [pool, used] = [cryptoRandomBytes(Math.max(size, randomPoolBytes)), 0];
    used += size;
    return pool.subarray(used - size, used);
  };
}

export class SystemIds extends Ids {
  constructor(
    private readonly clock: Clock,
    private readonly random: (size: number) => Uint8Array = pooledRandom(),
  ) {
    super();
  }
  uuid(): string {
    return uuidv7(this.clock.nowMs(), this.random(10));
  }
}

/** The millisecond time in a UUIDv7. */
export const timeOfId = (id: string): number => parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(value: string): boolean {
  return uuidPattern.test(value);
}
