import { z } from 'zod';
import { defineCall, defineNamedCall } from './define.js';
import { actor } from './governance.js';
import { base64, pageRequest, timeMs, uuid } from './scalars.js';
import { sealedBody } from './sealing.js';

/** Where a key is that wraps an organisation's tenant keys, by the API of Vault's transit engine. */
export const kmsAddress = z.object({
  url: z.url({ protocol: /^https?$/ }).max(2_048),
  mount: z.string().regex(/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/, 'a path such as transit').max(120).default('transit'),
  key: z.string().regex(/^[A-Za-z0-9_.-]+$/, 'the name of a key').max(120),
  /** Of Vault Enterprise. */
  namespace: z.string().regex(/^[A-Za-z0-9_/-]+$/).max(120).optional(),
});
export type KmsAddress = z.output<typeof kmsAddress>;

/** The same with what opens it; the token is never given out again. */
export const kmsSetting = kmsAddress.extend({ token: z.string().regex(/^[\x21-\x7e]+$/, 'printable characters').max(4_096) });
export type KmsSetting = z.output<typeof kmsSetting>;

/** Who keeps the key over a tenant key: the deployment in its environment, the deployment's KMS, or the organisation's own. */
export const keepers = ['file', 'kms', 'tenant'] as const;
export type Keeper = (typeof keepers)[number];

export const tenantKeyState = z.object({
  /** Null until the organisation's first key is made under a tenant key. */
  tenantKey: z.object({ version: z.int().positive(), kept: z.enum(keepers), createdAtMs: timeMs }).nullable(),
  kms: kmsAddress.nullable(),
});

/** A key to which bodies, or the keys of contents, are sealed. */
export const sealingKey = z.object({
  id: uuid,
  /** `requests`: a new one each week, destroyed when its period is over. `contents`: over the keys of files, lines and responses, destroyed when all are under its successor. */
  purpose: z.enum(['lasting', 'requests', 'contents']),
  createdAtMs: timeMs,
  current: z.boolean(),
  destroyedAtMs: timeMs.nullable(),
});

export const custodyCalls = {
  /** Oldest first; `after` is the id of the last key of the page before. Error: NOT_FOUND. */
  list: defineCall('governance', 'custody.list', { request: pageRequest.extend({ tenant: uuid }), reply: tenantKeyState.extend({ data: z.array(sealingKey), hasMore: z.boolean() }) }),
  /** A new tenant key over all keys of the organisation, and new sealing keys. Errors: NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED. */
  rotate: defineCall('governance', 'custody.rotate', { request: z.object({ actor, tenant: uuid }), reply: tenantKeyState, timeoutMs: 30_000 }),
  /** Brings every tenant key that the deployment keeps under the newest version of its master key. Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  rotateMaster: defineCall('governance', 'custody.rotate-master', { request: z.object({ actor }), reply: z.object({ kept: z.enum(keepers), version: z.string(), tenantKeys: z.int().nonnegative() }), timeoutMs: 120_000 }),
  /** Hands the organisation's tenant keys over to its own KMS; null takes them back. Errors: NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED, URL_REFUSED. */
  putKms: defineCall('governance', 'custody.put-kms', { request: z.object({ actor, tenant: uuid, kms: kmsSetting.nullable() }), reply: tenantKeyState, timeoutMs: 30_000 }),
} as const;

/** An opened content key may be kept so long: that and what governance kept it before are five minutes together. */
export const contentKeyMsMax = 5 * 60_000;

/** Binds the answer of `open` to the key that was asked for. */
export const openedContentKey = (tenant: string, id: string): string => `content-key|${tenant}|${id}`;

/** For the scheduler alone, which is named in the permissions: what these open, other services must not. */
export const contentKeyCalls = {
  /** The private half of a content key, sealed to a key that the asker makes for this one question. Errors: NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED. */
  open: defineNamedCall('governance', 'content-keys.open', {
    request: z.object({ tenant: uuid, id: uuid, to: base64.length(44).regex(/[^=]=$/, '32 bytes') }),
    reply: z.object({ sealed: sealedBody, openMs: z.number().min(0).max(contentKeyMsMax) }),
    // Two questions of at most five seconds to KMSs: for the token, and with it.
    timeoutMs: 12_000,
  }),
  /** Nothing is under this key any more; it has a successor. The same again does nothing. Errors: NOT_FOUND, CONFLICT when it is the current one. */
  destroy: defineNamedCall('governance', 'content-keys.destroy', { request: z.object({ tenant: uuid, id: uuid }), reply: z.object({}) }),
} as const;
