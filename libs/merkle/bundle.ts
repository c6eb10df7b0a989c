// The kernel's index draws on node:crypto; what verifies a bundle also runs in a browser.
import { canonicalJson } from '../kernel/canonical-json.js';
import type { Json } from '../kernel/canonical-json.js';
import { Malformed } from './malformed.js';

export type BundleFields = Readonly<Record<string, Json>>;

/** The fields of a body that are about a person: their commitments by name (hex), and the secret (base64) of their salts; null: they are erased. */
export interface BundlePerson {
  readonly commitments: Readonly<Record<string, string>>;
  readonly secret: string | null;
}

/** All that there is of a body. */
export interface WholeBody {
  /** Base64; gives the salts. */
  readonly secret: string;
  readonly fields: BundleFields;
  readonly person?: BundlePerson | undefined;
}

/** Some fields of a body, each with its own salt, and what it takes to compute the commitment to all of them. */
export interface ShownBody {
  /** By name; the salt is 16 bytes in hexadecimal. */
  readonly shown: Readonly<Record<string, { readonly salt: string; readonly value: Json }>>;
  /** Of all fields in the order of their names, hex; null at the place of each that is shown. Hidden names are not given: nothing would prove them. */
  readonly commitments: readonly (string | null)[];
}

export type BundleBody = WholeBody | ShownBody;

/** An entry of the log as a bundle carries it. */
export interface BundleEntry {
  readonly index: number;
  /** Base64 of the exact hashed bytes. */
  readonly envelope: string;
  /** Null: not disclosed. */
  readonly body: BundleBody | null;
  /** Base64 hashes, leaf to root of the bundle's checkpoint. */
  readonly proof: readonly string[];
}

/** A state of the log before the bundle's checkpoint, with the proof (base64) that it is the checkpoint's beginning. */
export interface EarlierTree {
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly proof: readonly string[];
}

/**
 * Everything that it takes to check one record, in one file: its entries, the entries of what it was decided and charged by (policy text,
 * price versions, offers as they were, the node's key), the anchor that covers it, and one checkpoint that all proofs lead to.
 */
export interface Bundle {
  readonly format: typeof bundleFormat;
  /** Id of the record. */
  readonly record: string;
  /** C2SP verifier key of the log. */
  readonly logKey: string;
  /** Verifier keys of all that cosigned the checkpoint. They say whose lines those are; whom to trust is the reader's to say. */
  readonly witnessKeys: readonly string[];
  /** The signed note. */
  readonly checkpoint: string;
  /** In the order of the log. */
  readonly entries: readonly BundleEntry[];
  /** What the anchor holds, and the state that the reader asked for. */
  readonly earlier: readonly EarlierTree[];
}

export const bundleFormat = 'mizan-bundle/1';

/** A policy text of 512 KiB, offers of 384 KiB, and the rest: more is no bundle. */
const charsMax = 4 * 1024 * 1024;

/** The one text of a bundle: RFC 8785 and a newline, so that no byte of it is free to change. */
export const formatBundle = (bundle: Bundle): string => `${canonicalJson(bundle as unknown as Json)}\n`;

/** Inverse of {@link formatBundle}; strict. Error: `Malformed`, naming the member that is not what it must be. */
export function parseBundle(text: string): Bundle {
  if (text.length > charsMax) throw new Malformed(`a bundle has at most ${charsMax} characters`);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new Malformed('the file is not JSON');
  }
  bundleShape(value, 'the file');
  if (!isCanonical(value, text)) throw new Malformed('the file is not written in the one form of a bundle (RFC 8785 and a newline)');
  return value as unknown as Bundle;
}

/** Whether a text is its value in RFC 8785 and a newline. Nearly always the platform's own text of the value shows it, as long as all names are in their order. */
function isCanonical(value: Json, text: string): boolean {
  return (`${JSON.stringify(value)}\n` === text && isInOrder(value)) || `${canonicalJson(value)}\n` === text;
}

function isInOrder(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return (value as readonly Json[]).every(isInOrder);
  const members = value as Readonly<Record<string, Json>>;
  let before: string | undefined;
  for (const name of Object.keys(members)) {
    if ((before !== undefined && before > name) || !isInOrder(members[name]!)) return false;
    before = name;
  }
  return true;
}

type Shape = (value: Json | undefined, at: string) => void;

const must = (holds: boolean, at: string, what: string): void => {
  if (!holds) throw new Malformed(`${at} is not ${what}`);
};
const isObject = (value: Json | undefined): value is Readonly<Record<string, Json>> => typeof value === 'object' && value !== null && !Array.isArray(value);
const text: Shape = (value, at) => must(typeof value === 'string', at, 'text');
const position: Shape = (value, at) => must(Number.isSafeInteger(value) && (value as number) >= 0, at, 'a position');
const fields: Shape = (value, at) => must(isObject(value), at, 'an object');
const listOf = (item: Shape): Shape => (value, at) => {
  must(Array.isArray(value), at, 'a list');
  (value as readonly Json[]).forEach((member, n) => item(member, `${at}[${n}]`));
};
const exactly = (members: Readonly<Record<string, Shape>>, optional: readonly string[] = []): Shape => (value, at) => {
  must(isObject(value), at, 'an object');
  const names = Object.keys(members);
  const odd = Object.keys(value as object).find((name) => !names.includes(name));
  if (odd !== undefined) throw new Malformed(`${at} has a member "${odd}" that it must not have`);
  for (const name of names) if (!optional.includes(name) || Object.hasOwn(value as object, name)) members[name]!((value as Record<string, Json>)[name], `"${name}" of ${at}`);
};
const orNull = (shape: Shape): Shape => (value, at) => (value === null ? undefined : shape(value, at));
const format: Shape = (value, at) => must(value === bundleFormat, at, bundleFormat);

const byName = (shape: Shape): Shape => (value, at) => {
  must(isObject(value), at, 'an object');
  for (const [name, member] of Object.entries(value as Record<string, Json>)) shape(member, `"${name}" of ${at}`);
};
const hex = (bytes: number, what: string): Shape => (value, at) => must(typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value), at, what);
const anyJson: Shape = (value, at) => must(value !== undefined, at, 'a value');
const commitment = hex(32, 'a commitment');
const hashesByName = byName(commitment);
const shownBody = exactly({ shown: byName(exactly({ salt: hex(16, 'a salt'), value: anyJson })), commitments: listOf(orNull(commitment)) });
const wholeBody = exactly({ secret: text, fields, person: exactly({ commitments: hashesByName, secret: orNull(text) }) }, ['person']);
const body: Shape = (value, at) => (isObject(value) && Object.hasOwn(value, 'shown') ? shownBody : wholeBody)(value, at);

const bundleShape = exactly({
  format,
  record: text,
  logKey: text,
  witnessKeys: listOf(text),
  checkpoint: text,
  entries: listOf(exactly({ index: position, envelope: text, body: orNull(body), proof: listOf(text) })),
  earlier: listOf(exactly({ size: position, root: text, proof: listOf(text) })),
});
