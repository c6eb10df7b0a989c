import { z } from 'zod';
import { defineCall } from './define.js';
import { createdPage, fileScope } from './files.js';
import { timeMs, uuid } from './scalars.js';
import { dataClass } from './vocabulary.js';

export const batchLimits = {
  /** Of one input file, as OpenAI's. */
  linesMax: 50_000,
  inputBytesMax: 200 * 1000 * 1000,
  /** Problems of an input file that are told: nobody repairs more at once. */
  problemsMax: 100,
  /** The one completion window. */
  windowMs: 24 * 3_600_000,
  /** A line that a gateway runs is taken back this long after its last sign of life; it gives one three times in that time. */
  lineLeaseMs: 15_000,
  /** Lines that a gateway claims at once. */
  claimMax: 64,
  /** Runs of one line that end without an answer: a busy market, a machine lost. After these it fails. */
  lineAttemptsMax: 8,
} as const;

export const batchStatuses = ['validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled'] as const;
export const batchStatus = z.enum(batchStatuses);
export type BatchStatus = z.output<typeof batchStatus>;

/** OpenAI's paths of what a line may ask for, and our name of it. */
export const batchEndpoints = { '/v1/embeddings': 'embeddings', '/v1/chat/completions': 'chat.completions', '/v1/completions': 'completions', '/v1/moderations': 'moderations', '/v1/responses': 'responses' } as const;
export type BatchPath = keyof typeof batchEndpoints;
export const batchPath = z.enum(Object.keys(batchEndpoints) as [BatchPath, ...BatchPath[]]);

/** What a caller declares about data, by headers or for every line of a batch. */
export const declaredFactsShape = z.object({
  dataClass: dataClass.nullable(),
  purpose: z.string().nullable(),
  subject: z.string().nullable(),
  subjectRegion: z.string().nullable(),
  dataset: z.string().nullable(),
  tags: z.array(z.string()),
});

/** What no column can hold is refused here. */
const kept = (charsMax: number) => z.string().max(charsMax).refine((value) => !/[\0\p{Surrogate}]/u.test(value), 'holds characters that are none');
export const metadata = z.record(kept(64), kept(512)).refine((value) => Object.keys(value).length <= 16, 'may have 16 members at most');

export const batchProblem = z.object({ code: z.string(), message: z.string(), param: z.string().nullable(), line: z.int().nullable() });
export type BatchProblem = z.output<typeof batchProblem>;

export const batch = z.object({
  id: uuid,
  tenant: uuid,
  project: uuid,
  endpoint: batchPath,
  inputFile: uuid,
  outputFile: uuid.nullable(),
  errorFile: uuid.nullable(),
  status: batchStatus,
  problems: z.array(batchProblem),
  metadata: metadata.nullable(),
  lines: z.object({ total: z.int().nonnegative(), completed: z.int().nonnegative(), failed: z.int().nonnegative() }),
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  /** When it came into each status. */
  enteredAtMs: z.partialRecord(batchStatus, timeMs),
});
export type Batch = z.output<typeof batch>;

/** A line that a gateway has to run, under the identity and the declared facts of its batch. */
export const claimedLine = z.object({
  job: uuid,
  /** Whoever holds a newer one holds the line. */
  fence: z.int().positive(),
  /** How often it was claimed, this time included. */
  attempt: z.int().positive(),
  batch: uuid,
  /** The record id of the request: the same whenever this line runs, unless the books say that an earlier run ended without a charge. */
  record: uuid,
  tenant: uuid,
  project: uuid,
  keyId: uuid,
  endpoint: z.enum(Object.values(batchEndpoints)),
  declared: declaredFactsShape,
  /** GET gives the line's body, PUT with `?status=` keeps its answer. */
  url: z.url(),
});
export type ClaimedLine = z.output<typeof claimedLine>;

const heldLine = z.object({ job: uuid, fence: z.int().positive() });

export const batchCalls = {
  /** Errors: NOT_FOUND (the input file), REQUEST_INVALID. */
  createBatch: defineCall('scheduler', 'batches.create', {
    request: z.object({ tenant: uuid, project: uuid, keyId: uuid, inputFile: uuid, endpoint: batchPath, metadata: metadata.nullable(), declared: declaredFactsShape }),
    reply: batch,
  }),
  getBatch: defineCall('scheduler', 'batches.get', { request: fileScope.extend({ id: uuid }), reply: batch }),
  listBatches: defineCall('scheduler', 'batches.list', { request: fileScope.extend(createdPage.shape), reply: z.object({ data: z.array(batch), hasMore: z.boolean() }) }),
  /** What runs is finished, what waits is dropped. Errors: NOT_FOUND; CONFLICT when it has ended. */
  cancelBatch: defineCall('scheduler', 'batches.cancel', { request: fileScope.extend({ id: uuid }), reply: batch }),
  /** Gives lines to a gateway to run; none when there is nothing to do. */
  claimLines: defineCall('scheduler', 'lines.claim', { request: z.object({ gateway: z.string().min(1).max(64), max: z.int().min(1).max(batchLimits.claimMax) }), reply: z.object({ lines: z.array(claimedLine), leaseMs: z.int().positive() }) }),
  /** Says that jobs are still being run, lines or responses; answers those that are somebody else's by now, and those that nobody wants any more. */
  renewLines: defineCall('scheduler', 'lines.renew', { request: z.object({ lines: z.array(heldLine).max(1_024) }), reply: z.object({ lost: z.array(uuid), unwanted: z.array(uuid).default([]) }) }),
  /**
   * Asks for the next record of a line or a response, when its run goes on although `record` has ended without a charge: another model of an alias. Sent
   * again it is the same. Error: CONFLICT when somebody else has the line.
   */
  advanceLine: defineCall('scheduler', 'lines.advance', { request: heldLine.extend({ record: uuid }), reply: z.object({ record: uuid }) }),
  /**
   * Gives a line back without an answer. `again`: nothing was recorded; `ended`: its record ended without a charge; `unsure`: the
   * books have to say; `left`: its gateway stops, its record is open, and another may run it under that; `revoked`: its key may not run it any
   * more, which ends the batch.
   */
  returnLine: defineCall('scheduler', 'lines.return', { request: heldLine.extend({ why: z.enum(['again', 'ended', 'unsure', 'left', 'revoked']), code: z.string().max(64) }), reply: z.object({}) }),
} as const;
