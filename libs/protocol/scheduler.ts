import { z } from 'zod';
import { canonicalJson, nanosMax } from '#kernel';
import { defineCall, defineEvent } from './define.js';
import { actor } from './governance.js';
import { machinePrices } from './meters.js';
import { offerReplica } from './replicas.js';
import { evmAddress, isPlainText, label, nanos, pageRequest, sha256Hex, slug, timeMs, uuid } from './scalars.js';
import { endpoint, evidence } from './vocabulary.js';

/** Facts about where a machine stands and whose law applies there. */
export const machineFacts = z.object({
  region: slug,
  /** ISO 3166-1 alpha-2. */
  country: z.string().regex(/^[A-Z]{2}$/),
  /** Whose law applies: `EU`, `US`, `SA`, … */
  jurisdiction: z.string().regex(/^[A-Z]{2,8}$/),
});

/** A price: what the books can hold, and never less than nothing. */
const price = nanos.refine((value) => value >= 0n && value <= nanosMax, 'between 0 and 2^63 − 1');

/** One model that a node offers, and what it asks for it. */
export const ask = z.object({
  model: z.string().min(1).max(200).refine(isPlainText, 'control characters and broken surrogates are not text'),
  endpoints: z.array(endpoint).min(1),
  capacity: z.int().min(1).max(10_000),
  inputNanosPerMillion: price,
  outputNanosPerMillion: price,
  /** What else it asks for; tokens cost beside. */
  meters: machinePrices.optional(),
});

/** A plain URL without query; whether it leads somewhere permitted is judged where it is used. */
export const publicUrl = z.string().max(500).regex(/^https?:\/\/[^\s\\@?#]+$/, 'is an http or https URL without user name, query and fragment');

export const node = z.object({
  id: uuid,
  name: label,
  publicKey: sha256Hex,
  payoutAddress: evmAddress,
  facts: machineFacts,
  evidence,
  state: z.enum(['enrolled', 'revoked']),
  online: z.boolean(),
  enrolledAtMs: timeMs,
  lastSeenMs: timeMs.nullable(),
  /** Where gateways call it straight. */
  publicUrl: z.string().nullable().default(null),
});

/** Signed by the node's identity key over `mizan-enrolment-v1\n` ‖ canonical JSON of the request without `signature`: proves possession. */
export const enrolmentRequest = z.object({
  token: z.string().min(16).max(200),
  name: label,
  /** Raw Ed25519 identity key, hex: signs receipts. */
  publicKey: sha256Hex,
  /** NATS user public key (`U…`), another key of the node's. */
  natsPublicKey: z.string().regex(/^U[A-Z2-7]{55}$/),
  payoutAddress: evmAddress.refine((address) => !/^0x0{40}$/.test(address), 'the zero address cannot be paid'),
  facts: machineFacts,
  asks: z.array(ask.refine(({ meters, inputNanosPerMillion }) => (meters?.cached_tokens ?? 0n) <= inputNanosPerMillion, { message: 'cached tokens are a part of the input and may not cost more than it', path: ['meters', 'cached_tokens'] })).min(1).max(64),
  /** Where gateways may call the node straight; left out, it is reached over NATS only. */
  publicUrl: publicUrl.optional(),
  signature: z.base64(),
});

/** The bytes that an enrolment's `signature` is over. */
export function enrolmentBytes(request: Omit<z.output<typeof enrolmentRequest>, 'signature'>): Buffer {
  return Buffer.from(`mizan-enrolment-v1\n${canonicalJson(z.encode(enrolmentRequest.omit({ signature: true }), request))}`);
}

export const enrolmentReply = z.object({
  node: uuid,
  /** Where to connect, and the user JWT limited to the node's own subjects. */
  natsUrl: z.string(),
  natsJwt: z.string(),
  offers: z.array(z.object({ id: uuid, model: z.string() })),
  /** The public URL it enrolled with. */
  publicUrl: z.string().nullable().default(null),
});

/** Node → scheduler on `node.<id>.up.heartbeat`, JSON. */
export const heartbeat = z.object({ v: z.literal(1), node: uuid, inFlight: z.int().nonnegative(), capacity: z.int().positive(), sentAtMs: timeMs });

export const schedulerCalls = {
  /** A single-use token; with `facts` these hold by contract, without them what the node says is only declared. `token` is shown once. */
  createEnrolmentToken: defineCall('scheduler', 'enrolment.create-token', {
    request: z.object({ actor, name: label, facts: machineFacts.nullable(), validMs: z.int().min(60_000).max(30 * 86_400_000) }),
    reply: z.object({ id: uuid, token: z.string(), expiresAtMs: timeMs }),
  }),
  /** Errors: ENROLMENT_INVALID (unknown, used or expired token, bad signature, facts other than the contract's). */
  enrol: defineCall('scheduler', 'enrolment.enrol', { request: enrolmentRequest, reply: enrolmentReply, timeoutMs: 10_000 }),
  listNodes: defineCall('scheduler', 'nodes.list', { request: pageRequest, reply: z.object({ data: z.array(node), hasMore: z.boolean() }) }),
  /** Cuts the node off at once: its NATS connection, its offers. */
  revokeNode: defineCall('scheduler', 'nodes.revoke', { request: z.object({ actor, node: uuid }), reply: node, timeoutMs: 10_000 }),
  listOffers: defineCall('scheduler', 'offers.list', { request: pageRequest, reply: z.object({ data: z.array(offerReplica.value), hasMore: z.boolean() }) }),
} as const;

export const schedulerEvents = {
  /** A node joined: billing learns whom to pay and what is asked, settlement registers the payee. */
  nodeEnrolled: defineEvent(
    'scheduler',
    'node-enrolled',
    z.object({ node: uuid, name: label, publicKey: sha256Hex, payoutAddress: evmAddress, offers: z.array(ask.extend({ id: uuid })) }),
  ),
  nodeRevoked: defineEvent('scheduler', 'node-revoked', z.object({ node: uuid })),
} as const;
