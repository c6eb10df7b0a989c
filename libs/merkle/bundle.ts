// The kernel's index draws on node:crypto; what verifies a bundle also runs in a browser.
import { canonicalJson } from '../kernel/canonical-json.js';
import type { Json } from '../kernel/canonical-json.js';

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

/** The one text of a bundle: RFC 8785 and a newline, so that no byte of it is free to change. */
export const formatBundle = (bundle: Bundle): string => `${canonicalJson(bundle as unknown as Json)}\n`;
