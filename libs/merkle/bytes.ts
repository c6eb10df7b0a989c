/** Conversions between bytes and text, with no platform other than the web's own globals. */

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const hexDigits = encoder.encode('0123456789abcdef');

/** Room for the digits of some bytes: longer than a few, memory of their own would cost more than what is put there. */
const hexOutput = new Uint8Array(4_096);

export function toHex(bytes: Uint8Array): string {
  const length = 2 * bytes.length;
  const digits = length > hexOutput.length ? new Uint8Array(length) : hexOutput.subarray(0, length);
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    digits[2 * at] = hexDigits[byte >> 4]!;
    digits[2 * at + 1] = hexDigits[byte & 0x0f]!;
  }
  return decoder.decode(digits);
}

/** Of the code of a digit, or of a letter from a to f. */
const nibbleOf = (code: number): number => (code & 0x0f) + (code > 0x39 ? 9 : 0);

/** Inverse of {@link toHex}; upper case is refused. Error: `RangeError`. */
export function fromHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new RangeError('not lower-case hexadecimal');
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (nibbleOf(text.charCodeAt(2 * at)) << 4) | nibbleOf(text.charCodeAt(2 * at + 1));
  return bytes;
}

/** The bytes of a text whose characters are all below 256: one byte each. */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** As many arguments as any engine takes in one call. */
const charactersAtOnce = 4_096;

export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += charactersAtOnce) binary += String.fromCharCode(...bytes.subarray(at, at + charactersAtOnce));
  return btoa(binary);
}

const base64Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** What no character of the alphabet stands for. */
const noSextet = 0x40;
const sextets = new Uint8Array(256).fill(noSextet);
for (let at = 0; at < base64Alphabet.length; at += 1) sextets[base64Alphabet.charCodeAt(at)] = at;
const base64CharsAtOnce = 4_096;
/** The characters of a text that is being read, a byte each. Bytes of what is not ASCII stand for nothing, so that there is room for all of the first such character. */
const base64Input = new Uint8Array(base64CharsAtOnce + 2);

/** Standard base64, padded and canonical: one text for one value. Error: `RangeError`. */
export function fromBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (text.length % 4 !== 0) throw new RangeError('not standard base64');
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const whole = bytes.length - (bytes.length % 3);
  const input = text.length > base64CharsAtOnce ? new Uint8Array(text.length) : base64Input;
  encoder.encodeInto(text, input);
  let all = 0;
  let from = 0;
  for (let to = 0; to < whole; to += 3, from += 4) {
    const a = sextets[input[from]!]!;
    const b = sextets[input[from + 1]!]!;
    const c = sextets[input[from + 2]!]!;
    const d = sextets[input[from + 3]!]!;
    all |= a | b | c | d;
    bytes[to] = (a << 2) | (b >> 4);
    bytes[to + 1] = (b << 4) | (c >> 2);
    bytes[to + 2] = (c << 6) | d;
  }
  let rest = 0;
  if (padding > 0) {
    const a = sextets[input[from]!]!;
    const b = sextets[input[from + 1]!]!;
    const c = padding === 2 ? 0 : sextets[input[from + 2]!]!;
    all |= a | b | c;
    bytes[whole] = (a << 2) | (b >> 4);
    if (padding === 1) bytes[whole + 1] = (b << 4) | (c >> 2);
    rest = padding === 2 ? b & 0x0f : c & 0x03;
  }
  if (all >= noSextet) throw new RangeError('not standard base64');
  // The last character before the padding has 4 or 2 bits that stand for nothing: in the one text of the value they are zero.
  if (rest !== 0) throw new RangeError('not canonical base64');
  return bytes;
}

export function toUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Inverse of {@link toUtf8}. Error: `TypeError` when the bytes are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
