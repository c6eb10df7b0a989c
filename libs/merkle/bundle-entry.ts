import type { BundleCrypto } from './bundle-crypto.js';
import type { BundleBody, BundleEntry, BundleFields } from './bundle.js';
import { bodyRoot } from './body-root.js';
import { fromBase64, fromUtf8 } from './bytes.js';
import type { Checkpoint } from './checkpoint.js';
import { Malformed } from './malformed.js';
import { fieldsOf, isShownBody, shownRoot, withheldOf } from './shown-body.js';
import { leafHash } from './tree.js';
import { verifyInclusion } from './verify.js';

/** An entry of a bundle that was found to be in the log, with the body that it commits to. */
export interface OpenEntry {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  /** Pseudonym of whose entry it is, or `operator`. */
  readonly tenant: string;
  /** Unix milliseconds. */
  readonly timeMs: number;
  /** Null: not disclosed. */
  readonly fields: BundleFields | null;
  /** How many fields of a disclosed body are not shown; their names are not known. */
  readonly withheld: number;
  /** Names of fields about a person that are erased, or not disclosed. */
  readonly hidden: readonly string[];
}

/** Base64 as it must be. Error: `Malformed`, naming what it is. */
export function bytesOf(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch {
    throw new Malformed(`${what} is not base64`);
  }
}

/**
 * Checks an entry: its exact bytes are in the log, and a disclosed body is what they commit to. `fieldTexts`: of the body's fields, where they were cut from
 * a file. Error: `Malformed`, saying which does not hold.
 */
export function openEntry(crypto: BundleCrypto, { index, envelope, body, proof }: BundleEntry, { size, root }: Checkpoint, fieldTexts?: readonly string[]): OpenEntry {
  const bytes = bytesOf(envelope, `the envelope of entry ${index}`);
  const hashes = proof.map((hash) => bytesOf(hash, `the proof of entry ${index}`));
  if (!verifyInclusion(crypto.hash, { leafHash: leafHash(crypto.hash, bytes), index, size, root, proof: hashes })) throw new Malformed(`its bytes are not number ${index} of the log at size ${size}`);
  const said = envelopeOf(bytes);
  if (body !== null && rootOf(crypto, said.schema, body, index, fieldTexts) !== said.root) throw new Malformed('its body is not the one that it commits to');
  return { index, id: said.id, type: said.type, tenant: said.tenant, timeMs: Date.parse(said.time), fields: body && fieldsOf(body), withheld: body === null ? 0 : withheldOf(body), hidden: erasedIn(body) };
}

function rootOf(crypto: BundleCrypto, schema: string, body: BundleBody, index: number, fieldTexts?: readonly string[]): string {
  if (isShownBody(body)) return shownRoot(crypto, schema, body);
  return bodyRoot(crypto, schema, bytesOf(body.secret, `the secret of entry ${index}`), body.fields, body.person, fieldTexts);
}

function erasedIn(body: BundleBody | null): string[] {
  return body === null || isShownBody(body) || body.person?.secret !== null ? [] : Object.keys(body.person.commitments).sort();
}

export type Said = Record<'id' | 'type' | 'time' | 'tenant' | 'schema' | 'root', string>;

/** What a public envelope says. Error: `Malformed`. */
export function envelopeOf(bytes: Uint8Array): Said {
  let said: Partial<Record<string, unknown>>;
  try {
    said = JSON.parse(fromUtf8(bytes)) as Partial<Record<string, unknown>>;
  } catch {
    throw new Malformed('its envelope is not JSON');
  }
  for (const name of ['id', 'type', 'time', 'tenant', 'schema', 'root']) if (typeof said[name] !== 'string') throw new Malformed(`its envelope has no ${name}`);
  return said as Said;
}
