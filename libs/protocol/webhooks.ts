import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { defineCall } from './define.js';
import { failure } from './errors.js';
import { actor } from './governance.js';
import { recordType } from './records.js';
import { isPlainText, pageRequest, timeMs, uuid } from './scalars.js';

/** Endpoints of one organisation: each is asked for as many deliveries as it has entries. */
export const webhooksMax = 20;

const secretPrefix = 'whsec_';
const [secretBytesMin, secretBytesMax] = [24, 64];

/** The key in a secret of Standard Webhooks. Error: REQUEST_INVALID; an empty or short secret is none. */
export function webhookKey(secret: string): Buffer {
  const base64 = secret.startsWith(secretPrefix) ? secret.slice(secretPrefix.length) : '';
  const key = Buffer.from(base64, 'base64');
  if (key.length < secretBytesMin || key.length > secretBytesMax || key.toString('base64') !== base64) {
    throw failure('REQUEST_INVALID', `a webhook's secret is ${secretPrefix} and the base64 of ${secretBytesMin} to ${secretBytesMax} bytes`, { param: 'secret' });
  }
  return key;
}

export const webhookSecret = (key: Uint8Array): string => `${secretPrefix}${Buffer.from(key).toString('base64')}`;

/** The value of `webhook-signature`: one signature a secret, so that a receiver may know the old or the new one. Error: REQUEST_INVALID without a proper secret. */
export function webhookSignature(secrets: readonly string[], id: string, timestampSeconds: number, body: string): string {
  const keys = secrets.map(webhookKey);
  if (keys.length === 0) throw failure('REQUEST_INVALID', 'nothing is sent unsigned');
  return keys.map((key) => `v1,${createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`).join(' ');
}

const url = z.string().min(1).max(2_048).refine(isPlainText, 'is no URL');

export const newWebhook = z.object({
  url,
  /** Types of entries that are delivered; left out: all. */
  types: z.array(recordType).min(1).max(64).optional(),
  /** Left out: one is made. */
  secret: z.string().max(200).optional(),
  /** Index of the entry after which deliveries begin; left out: with what comes from now on. */
  after: z.int().nonnegative().optional(),
});

export const webhookStates = ['active', 'paused', 'disabled'] as const;

export const webhook = z.object({
  id: uuid,
  tenant: uuid,
  url,
  types: z.array(recordType).nullable(),
  /** `disabled`: by the deployment, since nothing arrived for days. */
  state: z.enum(webhookStates),
  /** Index of the last entry that was looked at. */
  position: z.int().min(-1),
  /** Failed attempts of the delivery that is due. */
  attempts: z.int().nonnegative(),
  lastError: z.string().nullable(),
  nextAttemptMs: timeMs,
  createdAtMs: timeMs,
});
export type Webhook = z.output<typeof webhook>;

/** A delivery that was given up. */
export const deadDelivery = z.object({ index: z.int().nonnegative(), record: uuid, type: recordType, attempts: z.int().positive(), error: z.string(), diedAtMs: timeMs });
export type DeadDelivery = z.output<typeof deadDelivery>;

export const changedWebhook = z.object({
  state: z.enum(['active', 'paused']).optional(),
  url: url.optional(),
  types: z.array(recordType).min(1).max(64).nullable().optional(),
  /** Deliver again what comes after this entry. */
  after: z.int().nonnegative().optional(),
});

const one = z.object({ tenant: uuid, id: uuid });

export const webhookCalls = {
  /** Errors: URL_REFUSED, REQUEST_INVALID (secret), LIMIT of endpoints as CONFLICT, NOT_FOUND. The secret is shown once. */
  create: defineCall('governance', 'webhooks.create', { request: newWebhook.extend({ actor, tenant: uuid }), reply: webhook.extend({ secret: z.string() }) }),
  list: defineCall('governance', 'webhooks.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(webhook) }) }),
  change: defineCall('governance', 'webhooks.change', { request: one.extend({ actor, change: changedWebhook }), reply: webhook }),
  /** A new secret; for a day what is sent is signed with the old one as well. */
  rotate: defineCall('governance', 'webhooks.rotate', { request: one.extend({ actor, secret: z.string().max(200).optional() }), reply: webhook.extend({ secret: z.string() }) }),
  remove: defineCall('governance', 'webhooks.remove', { request: one.extend({ actor }), reply: webhook }),
  /** Newest first; `after` is the index of the last one of the page before. */
  dead: defineCall('governance', 'webhooks.dead', { request: pageRequest.extend(one.shape), reply: z.object({ data: z.array(deadDelivery), hasMore: z.boolean() }) }),
} as const;
