const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Big-endian bytes as base62, padded to the width that the largest value of that length needs. */
export function toBase62(bytes: Uint8Array): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`);
  let text = '';
  for (let i = base62Chars(bytes.length); i > 0; i -= 1) {
    text = alphabet[Number(rest % 62n)]! + text;
    rest /= 62n;
  }
  return text;
}

/** Characters for `byteCount` bytes: 43 for 32, 6 for 4. */
export function base62Chars(byteCount: number): number {
  return Math.ceil((byteCount * 8) / Math.log2(62));
}
