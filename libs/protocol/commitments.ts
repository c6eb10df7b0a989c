import { createCipheriv, createHash, createHmac, hash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';

/**
 * Salted commitments to the fields of a record body. All salts come from the record's secret, so that one field can be disclosed (its
 * salt and value) without the others; destroying the secret makes all of them unguessable.
 */
export type RecordFields = Readonly<Record<string, Json>>;

/** How a record's fields are committed to: the number at the end of its envelope's `schema`. */
export const commitmentVersions = [1, 2] as const;
export type CommitmentVersion = (typeof commitmentVersions)[number];

/** Fields with what commits to them. */
export interface Committed {
  /** SHA-256 over the commitments, hex: what the public envelope carries. */
  readonly root: string;
  /** The fields as RFC 8785 text: written once for the commitments, and what the sealed body holds. */
  readonly json: string;
}

const saltBytes = 16;
const zeroCounter = Buffer.alloc(16);

/**
 * Version 2. Fields in the order of RFC 8785; field n has bytes 16n to 16n + 15 of the AES-256-CTR keystream (counter from zero) under the
 * secret as its salt, and SHA-256(hex of the salt ‖ name ‖ 00 ‖ value as RFC 8785), hex, as its commitment; the root is SHA-256 of all
 * commitments, one after the other. One cipher, and one hash of one short text a field: this is on the path of every request.
 */
export function commit(secret: Uint8Array, fields: RecordFields): Committed {
  const names = namesOf(fields);
  const salts = createCipheriv('aes-256-ctr', secret, zeroCounter).update(Buffer.alloc(names.length * saltBytes)).toString('hex');
  let commitments = '';
  let members = '';
  let at = 0;
  for (const name of names) {
    const value = canonicalJson(fields[name]!);
    commitments += hash('sha256', `${salts.slice(at, at + saltBytes * 2)}${name}\0${value}`, 'hex');
    members += `${at === 0 ? '' : ','}${JSON.stringify(name)}:${value}`;
    at += saltBytes * 2;
  }
  return { root: hash('sha256', commitments, 'hex'), json: `{${members}}` };
}

/** The root that a body gives under the version that its entry names. */
export function commitmentRoot(version: CommitmentVersion, secret: Uint8Array, fields: RecordFields): string {
  return version === 2 ? commit(secret, fields).root : rootOfVersion1(secret, fields);
}

/** Version 1: HMAC-SHA256(salt, name ‖ 00 ‖ value), hex; entries of older deployments have it. */
export function commitField(salt: Uint8Array, name: string, value: Json): string {
  return createHmac('sha256', salt).update(`${name}\0${canonicalJson(value)}`).digest('hex');
}

function rootOfVersion1(secret: Uint8Array, fields: RecordFields): string {
  const saltOf = (name: string): Buffer => createHmac('sha256', secret).update(`salt\0${name}`).digest().subarray(0, saltBytes);
  const commitments = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, commitField(saltOf(name), name, value)]));
  return createHash('sha256').update(canonicalJson(commitments)).digest('hex');
}

/** A member that is `undefined` is none, as in RFC 8785 text. */
const namesOf = (fields: RecordFields): string[] =>
  Object.keys(fields)
    .filter((name) => fields[name] !== undefined)
    .sort();
