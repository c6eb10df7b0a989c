import { createHash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { HmacSha256 } from './hmac-sha256.js';

/**
 * Salted commitments to the fields of a record body. A field's salt is derived from the record's secret, so that one
 * field can be disclosed (its salt and value) without the others; destroying the secret makes all of them unguessable.
 */
export type RecordFields = Readonly<Record<string, Json>>;

/** 16-byte salt of one field. */
export function fieldSalt(secret: Uint8Array, name: string): Buffer {
  return saltOf(new HmacSha256(secret), name);
}

/** HMAC-SHA256(salt, name ‖ 0x00 ‖ canonical JSON of the value), hex. */
export function commitField(salt: Uint8Array, name: string, value: Json): string {
  return new HmacSha256(salt).of(`${name}\0${canonicalJson(value)}`);
}

export function commitFields(secret: Uint8Array, fields: RecordFields): Record<string, string> {
  const salts = new HmacSha256(secret);
  const field = new HmacSha256(secret);
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, field.rekey(saltOf(salts, name)).of(`${name}\0${canonicalJson(value)}`)]));
}

/** SHA-256 over the canonical JSON of {field: commitment}, hex: what the public envelope carries. */
export function commitmentRoot(commitments: Readonly<Record<string, string>>): string {
  return createHash('sha256').update(canonicalJson(commitments)).digest('hex');
}

const saltOf = (salts: HmacSha256, name: string): Buffer => Buffer.from(salts.of(`salt\0${name}`).slice(0, 32), 'hex');
