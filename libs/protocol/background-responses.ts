import { z } from 'zod';
import { declaredFactsShape } from './batches.js';
import { defineCall } from './define.js';
import { fileScope } from './files.js';
import { timeMs, uuid } from './scalars.js';

export const backgroundLimits = {
  /** Events of one response, their last one left out: 131,072 tokens, each as an event of some 300 bytes, with room. */
  eventBytesMax: 48 * 1024 * 1024,
  /** Events that are stored at once: the last one holds the whole response. */
  appendBytesMax: 16 * 1024 * 1024,
  /** Events that are read at once, as far as one that is larger does not stand alone. */
  readBytesMax: 1024 * 1024,
  /** The numbers below are those of `response.created` and `response.queued`, which are made of what is stored of the response. */
  firstEvent: 2,
  /** A response that is put back so often is given up: after an hour at least, of half a minute each. */
  attemptsMax: 120,
  /** Responses that a gateway claims at once. */
  claimMax: 64,
} as const;

export const backgroundStatuses = ['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled'] as const;
export const backgroundStatus = z.enum(backgroundStatuses);
export type BackgroundStatus = z.output<typeof backgroundStatus>;

/** How a gateway may end a response. */
export const backgroundEnd = z.enum(['completed', 'incomplete', 'failed', 'cancelled']);
export type BackgroundEnd = z.output<typeof backgroundEnd>;

export const isEnded = (status: BackgroundStatus): boolean => status !== 'queued' && status !== 'in_progress';

/** Where a response in the background stands. */
export const backgroundState = z.object({
  status: backgroundStatus,
  /** Why it failed, where no event tells. */
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** The number that its next event has. */
  events: z.int().nonnegative(),
  /** Whether the last of its events holds its end. */
  isTold: z.boolean(),
  /** Whether nothing can follow: nobody runs it any more. */
  isOver: z.boolean(),
  /** GET with `&after=` gives events with higher numbers, as server-sent events: all there are, or the first of them. */
  eventsUrl: z.url(),
});
export type BackgroundState = z.output<typeof backgroundState>;

/** A response that a gateway has to run, under the identity and the declared facts of its request. */
export const claimedResponse = z.object({
  /** The job's id, and the response's. */
  job: uuid,
  fence: z.int().positive(),
  attempt: z.int().positive(),
  record: uuid,
  tenant: uuid,
  project: uuid,
  keyId: uuid,
  declared: declaredFactsShape,
  createdAtMs: timeMs,
  /** The number of the first event of this run. */
  events: z.int().nonnegative(),
  /** The bytes of those of earlier runs. */
  eventBytes: z.int().nonnegative(),
  /** How long the run may take: until what an earlier run under this record left open is closed. */
  remainingMs: z.int().nonnegative(),
  /** GET gives what is stored of it; PUT with `&first=&count=` stores events, with `&end=` the last ones. */
  url: z.url(),
});
export type ClaimedResponse = z.output<typeof claimedResponse>;

/** What comes of storing events. `isKept` is false where the response was cancelled and `end` says something else. */
export const appended = z.object({ isCancelled: z.boolean(), isKept: z.boolean() });
export type Appended = z.output<typeof appended>;

export const backgroundCalls = {
  /** Gives responses to a gateway to run, each for `runMs` at most. Renewed, advanced and given back as lines are. */
  claimResponses: defineCall('scheduler', 'responses.claim', {
    request: z.object({ gateway: z.string().min(1).max(64), max: z.int().min(1).max(backgroundLimits.claimMax), runMs: z.int().positive() }),
    reply: z.object({ responses: z.array(claimedResponse), leaseMs: z.int().positive() }),
  }),
  /** Ends one that has not ended; one that has stays as it is. Errors: NOT_FOUND; REQUEST_INVALID when it is none in the background. */
  cancelResponse: defineCall('scheduler', 'responses.cancel', { request: fileScope.extend({ id: uuid }), reply: z.object({ background: backgroundState }) }),
} as const;
