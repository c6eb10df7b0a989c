/*
 * The AES-256-CTR keystream (FIPS 197, SP 800-38A): the salts of a body are its first bytes. Platforms have it too, but the making of a cipher there takes
 * longer than the few blocks of a body. Its lookups take time by the key: it is for keys that are given in the file, as those of a disclosed body are.
 */

export const aesBlockBytes = 16;
const aesKeyBytes = 32;
const rounds = 14;

/** The field's product by x modulo x⁸ + x⁴ + x³ + x + 1. */
const doubled = (byte: number): number => ((byte << 1) ^ (byte & 0x80 ? 0x11b : 0)) & 0xff;
const rotated = (byte: number, by: number): number => (byte << by) | (byte >> (8 - by));
const turned = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

const sbox = sboxOf();
/** What the four bytes of a column add to the next round's: substitution and mixing in one. */
const columnsTurned = (bits: number): Int32Array => Int32Array.from(sbox, (byte) => turned((doubled(byte) << 24) | (byte << 16) | (byte << 8) | (byte ^ doubled(byte)), bits));
const [first, second, third, fourth] = [columnsTurned(0), columnsTurned(8), columnsTurned(16), columnsTurned(24)];

/** Of each byte its inverse in the field, through the affine map. */
function sboxOf(): Uint8Array {
  const box = new Uint8Array(256);
  // 3 generates the field's units: `power` runs through them, and `inverse` through their inverses.
  for (let power = 1, inverse = 1, n = 0; n < 255; n += 1) {
    box[power] = inverse ^ rotated(inverse, 1) ^ rotated(inverse, 2) ^ rotated(inverse, 3) ^ rotated(inverse, 4) ^ 0x63;
    power ^= doubled(power);
    inverse ^= inverse << 1;
    inverse ^= inverse << 2;
    inverse = (inverse ^ (inverse << 4)) & 0xff;
    if (inverse & 0x80) inverse ^= 0x09;
  }
  box[0] = 0x63;
  return box;
}

/** One column of a round's result, of four columns shifted by row. */
const mixed = (a: number, b: number, c: number, d: number): number => first[a >>> 24]! ^ second[(b >>> 16) & 0xff]! ^ third[(c >>> 8) & 0xff]! ^ fourth[d & 0xff]!;
/** The same without the mixing, as in the last round. */
const substituted = (a: number, b: number, c: number, d: number): number => (sbox[a >>> 24]! << 24) | (sbox[(b >>> 16) & 0xff]! << 16) | (sbox[(c >>> 8) & 0xff]! << 8) | sbox[d & 0xff]!;

/** The round keys, a word of four bytes each; made anew for each key, as are the first bytes of its stream: memory of their own would cost more than what is put there. */
const words = new Int32Array(4 * (rounds + 1));
const shortStream = new Uint8Array(64 * aesBlockBytes);

function expand(key: Uint8Array): void {
  for (let n = 0; n < 8; n += 1) words[n] = (key[4 * n]! << 24) | (key[4 * n + 1]! << 16) | (key[4 * n + 2]! << 8) | key[4 * n + 3]!;
  for (let n = 8, constant = 1; n < words.length; n += 1) {
    let word = words[n - 1]!;
    if (n % 8 === 0) {
      word = substituted(word << 8, word << 8, word << 8, word >>> 24) ^ (constant << 24);
      constant = doubled(constant);
    } else if (n % 8 === 4) word = substituted(word, word, word, word);
    words[n] = words[n - 8]! ^ word;
  }
}

/** The first blocks of the keystream under a key of 32 bytes, the counter from zero: good until the next are asked for. Error: `RangeError` when the key is no such one. */
export function aesKeystream(key: Uint8Array, blocks: number): Uint8Array {
  if (key.length !== aesKeyBytes) throw new RangeError(`a key of AES-256 has ${aesKeyBytes} bytes`);
  expand(key);
  const length = blocks * aesBlockBytes;
  const stream = length > shortStream.length ? new Uint8Array(length) : shortStream.subarray(0, length);
  for (let block = 0; block < blocks; block += 1) {
    let a = words[0]!;
    let b = words[1]!;
    let c = words[2]!;
    let d = words[3]! ^ block;
    let at = 4;
    for (; at < 4 * rounds; at += 4) {
      const e = mixed(a, b, c, d) ^ words[at]!;
      const f = mixed(b, c, d, a) ^ words[at + 1]!;
      const g = mixed(c, d, a, b) ^ words[at + 2]!;
      d = mixed(d, a, b, c) ^ words[at + 3]!;
      a = e;
      b = f;
      c = g;
    }
    const to = block * aesBlockBytes;
    put(stream, to, substituted(a, b, c, d) ^ words[at]!);
    put(stream, to + 4, substituted(b, c, d, a) ^ words[at + 1]!);
    put(stream, to + 8, substituted(c, d, a, b) ^ words[at + 2]!);
    put(stream, to + 12, substituted(d, a, b, c) ^ words[at + 3]!);
  }
  return stream;
}

function put(stream: Uint8Array, at: number, word: number): void {
  stream[at] = word >>> 24;
  stream[at + 1] = word >>> 16;
  stream[at + 2] = word >>> 8;
  stream[at + 3] = word;
}
