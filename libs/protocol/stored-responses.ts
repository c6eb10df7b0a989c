import { z } from 'zod';
import { backgroundState } from './background-responses.js';
import { declaredFactsShape } from './batches.js';
import { defineCall } from './define.js';
import { fileScope } from './files.js';
import { sha256Hex, timeMs, uuid } from './scalars.js';

export const storedResponseLimits = {
  /** One response with all that led to it: a request's largest body, and as much of answers. */
  bytesMax: 32 * 1024 * 1024,
  /** Responses of one organisation, and their bytes: 10 GiB. */
  responsesMax: 100_000,
  /** Persons that one response is about. */
  personsMax: 64,
  responsesBytesMax: 10 * 1024 ** 3,
} as const;

/** Where the bytes travel, as with files. */
const transfer = z.object({ url: z.url() });

export const storedResponseCalls = {
  /**
   * Opens a place: what is sent to `url` by PUT is stored until `expiresAtMs`. `id` is the request's; `persons`: pseudonyms of all whom it is
   * about, those of earlier responses that it goes on from included. With `background` a job is queued when the content is there, which then names the request to run.
   * Errors: LIMIT_REACHED, CONFLICT, PERSONAL_DATA_ERASED (one of them was erased meanwhile).
   */
  beginResponse: defineCall('scheduler', 'responses.begin', { request: z.object({ tenant: uuid, project: uuid, keyId: uuid, id: uuid, expiresAtMs: timeMs, persons: z.array(sha256Hex).max(storedResponseLimits.personsMax).optional(), background: z.object({ declared: declaredFactsShape }).optional() }), reply: transfer }),
  /** Where a stored response is read from by GET. Error: NOT_FOUND. */
  openResponse: defineCall('scheduler', 'responses.open', { request: fileScope.extend({ id: uuid }), reply: transfer.extend({ background: backgroundState.optional() }) }),
  /** Error: NOT_FOUND. */
  deleteResponse: defineCall('scheduler', 'responses.delete', { request: fileScope.extend({ id: uuid }), reply: z.object({ id: uuid }) }),
} as const;
