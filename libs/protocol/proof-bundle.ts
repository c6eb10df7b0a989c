import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, uuidOfHash } from '#kernel';
import { defineCall } from './define.js';
import { reader } from './governance.js';
import { evidence, isolation } from './vocabulary.js';
import { sha256Hex, uuid } from './scalars.js';

const proofHashes = z.array(z.base64());

const bundledBody = z.object({
  secret: z.base64(),
  fields: z.record(z.string(), z.json()),
  /** Of fields about a person; `secret` null: they are erased. */
  person: z.object({ commitments: z.record(z.string(), sha256Hex), secret: z.base64().nullable() }).optional(),
});

/** Some fields of a body; the commitments are those to all fields in the order of their names, null where the field is shown. */
const shownBody = z.object({
  shown: z.record(z.string(), z.object({ salt: z.string().regex(/^[0-9a-f]{32}$/), value: z.json() })),
  commitments: z.array(sha256Hex.nullable()),
});

/** Names of fields to disclose alone. */
export const disclosedFields = z.array(z.string().min(1).max(128)).min(1).max(64);

/** One file with everything that it takes to check a record; `formatBundle` of the Merkle library gives its one text. */
export const proofBundle = z.object({
  format: z.literal('mizan-bundle/1'),
  record: uuid,
  logKey: z.string(),
  witnessKeys: z.array(z.string()),
  checkpoint: z.string(),
  entries: z.array(z.object({ index: z.int().nonnegative(), envelope: z.base64(), body: z.union([bundledBody, shownBody]).nullable(), proof: proofHashes })),
  earlier: z.array(z.object({ size: z.int().nonnegative(), root: z.base64(), proof: proofHashes })),
});

export const bundleCalls = {
  /**
   * The bundle of a record, opened for its tenant. `since`: also prove that the log continues its first so many entries. `fields`: show only these of
   * the organisation's bodies. Errors: NOT_FOUND, RECORD_PENDING, REQUEST_INVALID when the log never had `since` entries, or no body has one of the fields.
   */
  bundleRecord: defineCall('governance', 'records.bundle', { request: z.object({ tenant: uuid.nullable(), id: uuid, since: z.int().positive().optional(), fields: disclosedFields.optional(), reader: reader.optional() }), reply: proofBundle, timeoutMs: 10_000 }),
} as const;

/** An offer as policies saw it. */
export const seenOffer = z.object({
  id: uuid,
  node: uuid,
  price: uuid,
  facts: z.object({ region: z.string(), country: z.string(), jurisdiction: z.string(), network: z.string(), model: z.string(), evidence, isolation, priceNanosPerMillion: z.int().nonnegative() }),
});
export type SeenOffer = z.output<typeof seenOffer>;

/** Body of an `offers.seen` entry: what a decision chose among, kept once for all decisions among the same. */
export const offersSeen = z.object({ hash: sha256Hex, offers: z.array(seenOffer) });

/** SHA-256, hex, over the canonical JSON of the offers, in the order of their ids. */
export function offersHash(offers: readonly SeenOffer[]): string {
  return createHash('sha256').update(canonicalJson(offers)).digest('hex');
}

/** The record id of an `offers.seen` entry: the same for the same offers, whichever gateway writes it (a UUID of version 8). */
export const offersRecordId = (hash: string): string => uuidOfHash(hash);
