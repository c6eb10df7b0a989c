import { z } from 'zod';

/** Nano-units of a currency: a decimal string on the wire, a bigint in code. */
export const nanos = z.codec(z.string().regex(/^-?\d{1,19}$/, 'an integer number of nano-units'), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
});

/** An amount of a token in its own smallest units: a decimal string on the wire, a bigint in code. */
export const tokenUnits = z.codec(z.string().regex(/^\d{1,39}$/, 'an integer number of token units'), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
});
/** Units of a token with a sign: a balance of broken books may be below zero, and so is what leaves a wallet. */
export const signedUnits = z.codec(z.string().regex(/^-?\d{1,39}$/, 'an integer number of token units'), z.bigint(), { decode: (text) => BigInt(text), encode: (value) => value.toString() });

/** A sum of amounts, beyond what one amount can be: a decimal string on the wire, a bigint in code. */
export const nanosSum = z.codec(z.string().regex(/^-?\d{1,39}$/, 'an integer number of nano-units'), z.bigint(), { decode: (text) => BigInt(text), encode: (value) => value.toString() });

/** In lower case whatever is sent: one id has one text, also where texts are compared. */
export const uuid = z.uuid().toLowerCase();
const lowerCaseUuid = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|0{8}-0{4}-0{4}-0{4}-0{12}|f{8}-f{4}-f{4}-f{4}-f{12})$/;
/** Whether `uuid` takes a value, and gives it back as it is. */
export const isUuidAsRead = (value: unknown): value is string => typeof value === 'string' && lowerCaseUuid.test(value);
/** Lower-case hex SHA-256. */
const sha256Text = /^[0-9a-f]{64}$/;
export const sha256Hex = z.string().regex(sha256Text, 'a lower-case hex SHA-256');
/** Whether `sha256Hex` takes a value. */
export const isSha256 = (value: unknown): value is string => typeof value === 'string' && sha256Text.test(value);
/** Standard base64, padded. Not `z.base64`, which decodes every text to see whether it can: records of the log are thousands a second. */
export const base64 = z
  .string()
  .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'standard base64')
  .refine((text) => text.length % 4 === 0, 'base64 has its padding')
  .meta({ format: 'base64', contentEncoding: 'base64' });
/** 1 for each character of the alphabet. */
const alphabet = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') alphabet[character.charCodeAt(0)] = 1;
/** Whether `base64` takes a value; its regular expression takes four times as long. */
export function isBase64(text: unknown): text is string {
  if (typeof text !== 'string' || text.length % 4 !== 0) return false;
  const end = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  for (let at = 0; at < end; at += 1) if (alphabet[text.charCodeAt(at)] !== 1) return false;
  return true;
}
/** EIP-55 or lower-case address. */
export const evmAddress = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'a 20-byte hex address');
export const txHash = z.string().regex(/^0x[0-9a-f]{64}$/);
/** Unix milliseconds. */
export const timeMs = z.int().nonnegative();
/** Neither control characters nor halves of surrogate pairs: text that every database and every JSON reader takes. */
export const isPlainText = (text: string): boolean => !/[\p{Cc}\p{Cs}]/u.test(text);
/** Short human-chosen names: organisations, projects, nodes' labels. */
export const label = z.string().trim().min(1).max(120).refine(isPlainText, 'control characters and broken surrogates are not text');
/** Keys of KV buckets and parts of subjects. */
export const slug = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens');
/** A page of a keyset listing: `after` is the last id of the page before. */
export const pageRequest = z.object({ after: z.string().max(128).refine(isPlainText, 'is no id').optional(), limit: z.int().min(1).max(200).default(50) });
