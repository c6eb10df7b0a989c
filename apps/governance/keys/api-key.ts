import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { base62Chars, toBase62 } from './base62.js';

export const apiKeyPrefix = 'mzn_';
const secretBytes = 32;
const pattern = new RegExp(`^${apiKeyPrefix}[0-9A-Za-z]{${base62Chars(secretBytes) + base62Chars(4)}}$`);

/** A new API key: `mzn_` ‖ base62 of 32 random bytes ‖ base62 of the CRC32 of all before it. */
export function generateApiKey(random: (size: number) => Uint8Array = randomBytes): string {
  const secret = `${apiKeyPrefix}${toBase62(random(secretBytes))}`;
  return `${secret}${checksum(secret)}`;
}

/** Whether a text has the shape and the checksum of a key: catches slips of copying, says nothing about validity. */
export function isApiKey(text: string): boolean {
  return pattern.test(text) && checksum(text.slice(0, -base62Chars(4))) === text.slice(-base62Chars(4));
}

/** What is stored and replicated in place of a key: lower-case hex HMAC-SHA256 under the deployment's pepper. */
export function hashApiKey(pepper: string, key: string): string {
  return createHmac('sha256', pepper).update(key).digest('hex');
}

/** The last four characters, by which people recognise a key. */
export function tailOf(key: string): string {
  return key.slice(-4);
}

function checksum(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(text));
  return toBase62(bytes);
}
