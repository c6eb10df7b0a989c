import { createCipheriv, createHash, createHmac, hash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { layoutOf, textOf } from './field-layout.js';
import type { RecordFields } from './field-layout.js';

/*
 * Salted commitments to the fields of a record body. All salts come from the record's secret, so that one field can be disclosed (its
 * salt and value) without the others; destroying the secret makes all of them unguessable.
 */

/** How a record's fields are committed to: the number at the end of its envelope's `schema`. */
export const commitmentVersions = [1, 2, 3] as const;
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
 * The fields may come in parts; of those with one name, the last counts.
 */
export function commit(secret: Uint8Array, ...parts: readonly RecordFields[]): Committed {
  const layout = layoutOf(parts);
  const salts = saltsOf(secret, layout.length);
  let commitments = '';
  let members = '';
  let at = 0;
  for (const { part, name, hashed, quoted } of layout) {
    const value = parts[part]![name];
    if (value === undefined) continue;
    const text = textOf(value);
    commitments += hash('sha256', salts.slice(at, at + saltBytes * 2) + hashed + text, 'hex');
    members += (at === 0 ? '' : ',') + quoted + text;
    at += saltBytes * 2;
  }
  return { root: hash('sha256', commitments, 'hex'), json: `{${members}}` };
}

/** The root that a body without a part apart gives under the version that its entry names. */
export function commitmentRoot(version: CommitmentVersion, secret: Uint8Array, fields: RecordFields): string {
  return version === 1 ? rootOfVersion1(secret, fields) : commit(secret, fields).root;
}

/** What of a body is apart from the rest, under a secret of its own: destroying that leaves the rest verifiable. */
export interface Apart {
  /** By name, hex: of exactly the fields that are apart. */
  readonly commitments: Readonly<Record<string, string>>;
  /** Null: their salts are gone, or not disclosed; then their values are not in the body either. */
  readonly secret: Uint8Array | null;
}

export interface CommittedApart extends Committed {
  /** Of the fields that are apart; `json` has the others. */
  readonly apartJson: string;
  readonly commitments: Readonly<Record<string, string>>;
}

/** Version 3: as version 2 over all fields, but fields that are apart have their salts, at the same places, from the keystream of the other secret. */
export function commitApart(secret: Uint8Array, apartSecret: Uint8Array, fields: RecordFields, isApart: (name: string) => boolean): CommittedApart {
  const names = namesOf(fields);
  const salts = saltsOf(secret, names.length);
  const apartSalts = saltsOf(apartSecret, names.length);
  const members: Record<'open' | 'apart', string[]> = { open: [], apart: [] };
  const commitments: Record<string, string> = {};
  let all = '';
  for (const [n, name] of names.entries()) {
    const apart = isApart(name);
    const value = canonicalJson(fields[name]!);
    const one = commitment(apart ? apartSalts : salts, n, name, value);
    all += one;
    if (apart) commitments[name] = one;
    members[apart ? 'apart' : 'open'].push(`${JSON.stringify(name)}:${value}`);
  }
  return { root: hash('sha256', all, 'hex'), json: `{${members.open.join(',')}}`, apartJson: `{${members.apart.join(',')}}`, commitments };
}

/** The root of version 3; undefined when the fields that are apart are not what their commitments say. `fields` holds those that are disclosed. */
export function rootWithApart(secret: Uint8Array, fields: RecordFields, apart: Apart): string | undefined {
  const shown = namesOf(fields);
  const names = [...new Set([...shown, ...Object.keys(apart.commitments)])].sort();
  const salts = saltsOf(secret, names.length);
  const apartSalts = apart.secret && saltsOf(apart.secret, names.length);
  let all = '';
  for (const [n, name] of names.entries()) {
    const given = Object.hasOwn(apart.commitments, name) ? apart.commitments[name] : undefined;
    const isShown = shown.includes(name);
    if (given !== undefined && isShown !== (apartSalts !== null)) return undefined;
    const made = isShown ? commitment(given === undefined ? salts : apartSalts!, n, name, canonicalJson(fields[name]!)) : given!;
    if (given !== undefined && made !== given) return undefined;
    all += made;
  }
  return hash('sha256', all, 'hex');
}

const saltsOf = (secret: Uint8Array, count: number): string => createCipheriv('aes-256-ctr', secret, zeroCounter).update(Buffer.alloc(count * saltBytes)).toString('hex');
const commitment = (salts: string, n: number, name: string, value: string): string => hash('sha256', `${salts.slice(n * saltBytes * 2, (n + 1) * saltBytes * 2)}${name}\0${value}`, 'hex');

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
