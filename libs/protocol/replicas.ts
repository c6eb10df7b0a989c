import { z } from 'zod';
import { roles } from './access.js';
import { defineReplica } from './define.js';
import type { ValueOf } from './define.js';
import { meterPrices } from './meters.js';
import { pricedBy } from './price-books.js';
import { base64, label, nanos, sha256Hex, timeMs, uuid } from './scalars.js';
import { dataClass, endpoint, evidence, isolation } from './vocabulary.js';

/** Bucket `keys`, key = lower-case hex HMAC-SHA256(pepper, API key). A revoked key is deleted from the bucket. */
export const keyReplica = defineReplica(
  'keys',
  z.object({ hash: sha256Hex, keyId: uuid, tenant: uuid, project: uuid.nullable(), role: z.enum(roles), expiresAtMs: timeMs.nullable() }),
);
export type KeyEntry = ValueOf<typeof keyReplica>;

/** Bucket `tenants`, key = tenant. What a gateway needs to admit and to write records of an organisation. */
export const tenantReplica = defineReplica(
  'tenants',
  z.object({
    tenant: uuid,
    name: label,
    /** 32 random bytes, hex: stands for the tenant in the public log. */
    pseudonym: sha256Hex,
    /** X25519 public key (raw, base64) under which record bodies are sealed, and its id. */
    sealKey: base64,
    sealKeyId: uuid,
    /** The same for records of requests, which are deleted by the week; absent: the one above. */
    requestKey: z.object({ id: uuid, key: base64 }).optional(),
    /** The same for the keys of stored contents, which the scheduler wraps; absent: governance has made none yet. */
    contentKey: z.object({ id: uuid, key: base64 }).optional(),
    projects: z.array(z.object({ id: uuid, name: label, defaultClass: dataClass })),
    /** 32 random bytes, from which gateways derive the secret of persons' pseudonyms. */
    personSalt: base64.optional(),
    /** How many persons were erased: keys of persons that were asked for before the last one may be gone. */
    erasures: z.int().nonnegative().optional(),
  }),
);
export type TenantEntry = ValueOf<typeof tenantReplica>;

/** The key to which records of requests are sealed. */
export const requestKeyOf = ({ requestKey, sealKeyId, sealKey }: Pick<TenantEntry, 'requestKey' | 'sealKeyId' | 'sealKey'>): { id: string; key: string } => requestKey ?? { id: sealKeyId, key: sealKey };

/** Bucket `policies`, key = tenant. The published policy set; a tenant without one may run nothing. */
export const policyReplica = defineReplica(
  'policies',
  z.object({ tenant: uuid, version: z.int().positive(), hash: sha256Hex, text: z.string(), publishedAtMs: timeMs }),
);
export type PolicyEntry = ValueOf<typeof policyReplica>;

/** Bucket `offers`, key = offer id. One model on one node. */
export const offerReplica = defineReplica(
  'offers',
  z.object({
    id: uuid,
    node: uuid,
    nodeName: label,
    network: z.string(),
    model: z.string().min(1).max(200),
    endpoints: z.array(endpoint).min(1),
    region: z.string(),
    country: z.string().length(2),
    jurisdiction: z.string(),
    /** The weakest evidence among the facts above. */
    evidence,
    isolation,
    /** Raw Ed25519 public key of the node, hex: verifies its receipts. */
    publicKey: sha256Hex,
    /** Jobs the node takes at once. */
    capacity: z.int().positive(),
    state: z.enum(['up', 'down']),
    changedAtMs: timeMs,
    /** Where gateways may call the node straight. */
    publicUrl: z.string().nullable().default(null),
  }),
);
export type OfferEntry = ValueOf<typeof offerReplica>;

/** Bucket `prices`, key = offer id. The price version in force for an offer. */
export const priceReplica = defineReplica(
  'prices',
  z.object({
    offer: uuid,
    version: uuid,
    currency: z.literal('USD'),
    /** Nanos per 10⁶ tokens. */
    inputNanosPerMillion: nanos,
    outputNanosPerMillion: nanos,
    /** For each request that produces anything. */
    requestNanos: nanos.optional(),
    meters: meterPrices.optional(),
    hash: sha256Hex,
    validFromMs: timeMs,
    /** Where a price book made it of what the machine asks. */
    book: pricedBy.optional(),
  }),
);
export type PriceEntry = ValueOf<typeof priceReplica>;
