import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { isPlainText, timeMs, uuid } from './scalars.js';

/** Buckets of one organisation: each is put as many bytes as its entries have. */
export const bucketsMax = 4;

const plain = (charsMax: number) => z.string().min(1).max(charsMax).refine(isPlainText, 'holds characters that are none');

/** Keys with which a bucket lets objects be put; the secret is never shown again. */
export const bucketCredentials = z.object({ accessKeyId: plain(256), secretAccessKey: plain(1_024), sessionToken: plain(4_096).optional() });
export type BucketCredentials = z.output<typeof bucketCredentials>;

export const bucketFormat = z.enum(['jsonl', 'ocsf']);

const place = z.object({
  /** Of any service that speaks the API of S3, without a path: https://s3.eu-central-1.amazonaws.com. */
  endpoint: plain(2_048),
  region: z.string().regex(/^[a-z0-9-]{1,64}$/, 'a region such as eu-central-1'),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket: 3 to 63 small letters, digits, dots and dashes'),
  /** In front of the names of objects: folders, without a slash at either end. */
  prefix: z.string().max(200).regex(/^([A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)?$/, 'folders of letters, digits, dots, dashes and underscores, divided by slashes'),
  format: bucketFormat,
});

export const newBucket = place.extend({
  prefix: place.shape.prefix.default(''),
  format: bucketFormat.default('jsonl'),
  credentials: bucketCredentials,
  /** Index of the entry after which it begins; left out: with what comes from now on; null: with the first. */
  after: z.int().nonnegative().nullable().optional(),
});

export const bucketStates = ['active', 'paused', 'disabled'] as const;

export const bucket = place.extend({
  id: uuid,
  tenant: uuid,
  accessKeyId: z.string(),
  /** `disabled`: by the deployment, since the log is not the one whose entries were put there. */
  state: z.enum(bucketStates),
  /** Index up to which the log was looked at. */
  position: z.int().min(-1),
  /** Index of the last entry that was put; null before the first. */
  last: z.int().nonnegative().nullable(),
  objects: z.int().nonnegative(),
  /** Failed attempts since the last object. */
  attempts: z.int().nonnegative(),
  lastError: z.string().nullable(),
  nextAttemptMs: timeMs,
  createdAtMs: timeMs,
});
export type Bucket = z.output<typeof bucket>;

export const changedBucket = z.object({
  state: z.enum(['active', 'paused']).optional(),
  credentials: bucketCredentials.optional(),
  /** Put again what comes after this entry, into objects that may have another beginning than those before; null: everything. */
  after: z.int().nonnegative().nullable().optional(),
});

const one = z.object({ tenant: uuid, id: uuid });

export const bucketCalls = {
  /** Errors: URL_REFUSED, CONFLICT (too many), NOT_FOUND. */
  create: defineCall('governance', 'buckets.create', { request: newBucket.extend({ actor, tenant: uuid }), reply: bucket }),
  list: defineCall('governance', 'buckets.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(bucket) }) }),
  /** Error: NOT_FOUND. */
  change: defineCall('governance', 'buckets.change', { request: one.extend({ actor, change: changedBucket }), reply: bucket }),
  /** What was put there stays there. Error: NOT_FOUND. */
  remove: defineCall('governance', 'buckets.remove', { request: one.extend({ actor }), reply: bucket }),
} as const;
