import { z } from 'zod';
import { defineCall } from './define.js';
import { fileScope } from './files.js';
import { timeMs, uuid } from './scalars.js';

export const storedResponseLimits = {
  /** One response with all that led to it: a request's largest body, and as much of answers. */
  bytesMax: 32 * 1024 * 1024,
  /** Responses of one organisation, and their bytes: 10 GiB. */
  responsesMax: 100_000,
  responsesBytesMax: 10 * 1024 ** 3,
} as const;

/** Where the bytes travel, as with files. */
const transfer = z.object({ url: z.url() });

export const storedResponseCalls = {
  /** Opens a place: what is sent to `url` by PUT is stored until `expiresAtMs`. `id` is the request's. Errors: LIMIT_REACHED, CONFLICT. */
  beginResponse: defineCall('scheduler', 'responses.begin', { request: z.object({ tenant: uuid, project: uuid, keyId: uuid, id: uuid, expiresAtMs: timeMs }), reply: transfer }),
  /** Where a stored response is read from by GET. Error: NOT_FOUND. */
  openResponse: defineCall('scheduler', 'responses.open', { request: fileScope.extend({ id: uuid }), reply: transfer }),
  /** Error: NOT_FOUND. */
  deleteResponse: defineCall('scheduler', 'responses.delete', { request: fileScope.extend({ id: uuid }), reply: z.object({ id: uuid }) }),
} as const;
