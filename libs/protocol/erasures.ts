import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { base64, pageRequest, sha256Hex, timeMs, uuid } from './scalars.js';

/** Why a part of a body is not there: told in its place, so that what is left of the record stays readable. */
export const erasedError = z.object({ code: z.literal('PERSONAL_DATA_ERASED'), message: z.string(), erasure: uuid, erasedAtMs: timeMs });

/** An erasure waits behind a legal hold: until it is done what it would erase is kept and not used, which GDPR Art. 18 calls restriction. With a body: the reader is one who may see it all the same. */
export const restrictedError = z.object({ code: z.literal('RECORD_RESTRICTED'), message: z.string(), erasure: uuid });

const person = sha256Hex;
const by = z.object({ keyId: uuid.nullable(), tenant: uuid.nullable() });
const words = z.string().trim().min(1).max(500);

/** On what ground a person's data is erased: GDPR Art. 17(1) has (a) to (f), other laws their own. */
export const erasureGround = words;

export const erasure = z.object({
  /** Of its entry in the log. */
  id: uuid,
  tenant: uuid,
  /** The person's pseudonym in this organisation. */
  person,
  basis: erasureGround,
  reference: words.nullable(),
  requestedAtMs: timeMs,
  erasedAtMs: timeMs,
  /** The key that was destroyed. */
  personKey: uuid,
  /** Rows of the search that were removed with it. */
  searchRows: z.int().nonnegative(),
});
export type Erasure = z.output<typeof erasure>;

export const erasureEvents = {
  /** Of a person's records; who stores anything else about that person forgets it. */
  personErased: defineEvent('governance', 'person-erased', z.object({ erasure: uuid, tenant: uuid, person, erasedAtMs: timeMs })),
} as const;

export const erasureCalls = {
  /** The key of a person, made at the first question. Error: NOT_FOUND. */
  personKey: defineCall('governance', 'persons.key', { request: z.object({ tenant: uuid, person }), reply: z.object({ keyId: uuid, publicKey: base64 }) }),
  /** Destroys what opens the personal part of a person's records. The same person again: the same erasure, unless there is new data. Errors: NOT_FOUND, LEGAL_HOLD: then it is done when the last hold is released. */
  erase: defineCall('governance', 'persons.erase', { request: z.object({ actor: by, tenant: uuid, person, basis: erasureGround, reference: words.nullable() }), reply: erasure, timeoutMs: 30_000 }),
  /** Newest first; `after` is the id of the last one of the page before. */
  list: defineCall('governance', 'persons.erasures', { request: pageRequest.extend({ tenant: uuid, person: person.optional() }), reply: z.object({ data: z.array(erasure), hasMore: z.boolean() }) }),
  /** Error: NOT_FOUND. */
  get: defineCall('governance', 'persons.erasure', { request: z.object({ tenant: uuid, id: uuid }), reply: erasure }),
} as const;
