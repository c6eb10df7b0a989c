import { createHash, createHmac } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';

/**
 * Salted commitments to the fields of a record body. A field's salt is derived from the record's secret, so that one
 * field can be disclosed (its salt and value) without the others; destroying the secret makes all of them unguessable.
 */
export type RecordFields = Readonly<Record<string, Json>>;

/** 16-byte salt of one field. */
export function fieldSalt(secret: Uint8Array, name: string): Buffer {
  return createHmac('sha256', secret).update(`salt\0${name}`).digest().subarray(0, 16);
}

/** HMAC-SHA256(salt, name ‖ 0x00 ‖ canonical JSON of the value), hex. */
export function commitField(salt: Uint8Array, name: string, value: Json): string {
  return createHmac('sha256', salt).update(`${name}\0${canonicalJson(value)}`).digest('hex');
}

export function commitFields(secret: Uint8Array, fields: RecordFields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, commitField(fieldSalt(secret, name), name, value)]));
}

/** SHA-256 over the canonical JSON of {field: commitment}, hex: what the public envelope carries. */
export function commitmentRoot(commitments: Readonly<Record<string, string>>): string {
  return createHash('sha256').update(canonicalJson(commitments)).digest('hex');
}
