/**
 * Arrays in PostgreSQL's binary form, which the driver sends as it is: reading a thousand ids from text takes the server several times as long. Each is one
 * dimension, counted from one, without nulls. Types are told by their number in `pg_type`.
 */
const uuidType = 2950;
const textType = 25;
const bigintType = 20;
const smallintType = 21;

const headerBytes = 20;
const uuidBytes = 16;

/** `uuid[]` of ids in their usual form of 36 characters. */
export const uuids = (ids: readonly string[]): Buffer => fixed(uuidType, uuidBytes, ids, writeUuid);

/** `bigint[]`. Error: RangeError for one beyond 64 bits. */
export const bigints = (values: readonly bigint[]): Buffer => fixed(bigintType, 8, values, (into, value, at) => into.writeBigInt64BE(value, at));

/** `smallint[]`. Error: RangeError for one beyond 16 bits. */
export const smallints = (values: readonly number[]): Buffer => fixed(smallintType, 2, values, (into, value, at) => into.writeInt16BE(value, at));

/** `text[]` */
export function texts(values: readonly string[]): Buffer {
  let bytes = headerBytes;
  for (const value of values) bytes += 4 + Buffer.byteLength(value);
  const into = header(textType, values.length, bytes);
  let at = headerBytes;
  for (const value of values) {
    const length = into.write(value, at + 4);
    into.writeInt32BE(length, at);
    at += 4 + length;
  }
  return into;
}

function fixed<T>(type: number, width: number, values: readonly T[], write: (into: Buffer, value: T, at: number) => void): Buffer {
  const into = header(type, values.length, headerBytes + values.length * (4 + width));
  let at = headerBytes;
  for (const value of values) {
    into.writeInt32BE(width, at);
    write(into, value, at + 4);
    at += 4 + width;
  }
  return into;
}

/** Dimensions, whether there are nulls, type, length, lower bound. An empty array has no dimension, and then nothing after the type. */
function header(type: number, length: number, bytes: number): Buffer {
  const into = Buffer.allocUnsafe(length === 0 ? 12 : bytes);
  into.writeInt32BE(length === 0 ? 0 : 1, 0);
  into.writeInt32BE(0, 4);
  into.writeInt32BE(type, 8);
  if (length === 0) return into;
  into.writeInt32BE(length, 12);
  into.writeInt32BE(1, 16);
  return into;
}

const digits = new Map([...'0123456789abcdef'].flatMap((digit, value) => [digit, digit.toUpperCase()].map((form) => [form.charCodeAt(0), value] as const)));
const digitOf = Uint8Array.from({ length: 128 }, (_, code) => digits.get(code) ?? 255);
const hyphens = new Set([8, 13, 18, 23]);
/** Where the 16 pairs of digits begin. */
const pairs = Array.from({ length: 36 }, (_, index) => index).filter((index) => !hyphens.has(index)).filter((_, index) => index % 2 === 0);

/** By hand: a Buffer's own reading of digits wants a copy without hyphens, and takes four times as long with it. */
function writeUuid(into: Buffer, id: string, at: number): void {
  let next = at;
  let all = 0;
  for (const pair of pairs) {
    const high = digitOf[id.charCodeAt(pair)] ?? 255;
    const low = digitOf[id.charCodeAt(pair + 1)] ?? 255;
    all |= high | low;
    into[next++] = (high << 4) | low;
  }
  if (all > 15 || id.length !== 36) throw new RangeError(`not a UUID: ${id}; ids of transfers and accounts are UUIDs`);
}
