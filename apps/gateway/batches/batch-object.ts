import { z } from 'zod';
import { batchStatuses } from '#protocol';
import type { Batch, BatchStatus } from '#protocol';
import { externalId } from '../files/external-ids.js';

const problem = z.object({ code: z.string(), message: z.string(), param: z.string().nullable(), line: z.int().nullable() });
const time = z.int().nullable();

/** A batch as OpenAI's clients see it. Times are Unix seconds. */
export const batchObject = z.object({
  id: z.string(),
  object: z.literal('batch'),
  endpoint: z.string(),
  errors: z.object({ object: z.literal('list'), data: z.array(problem) }).nullable(),
  input_file_id: z.string(),
  completion_window: z.literal('24h'),
  status: z.enum(batchStatuses),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.int(),
  in_progress_at: time,
  expires_at: z.int(),
  finalizing_at: time,
  completed_at: time,
  failed_at: time,
  expired_at: time,
  cancelling_at: time,
  cancelled_at: time,
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  metadata: z.record(z.string(), z.string()).nullable(),
});
export type BatchObject = z.output<typeof batchObject>;

const seconds = (ms: number): number => Math.floor(ms / 1_000);
const fileId = (id: string | null): string | null => (id === null ? null : externalId('file-', id));

export function toBatchObject(batch: Batch): BatchObject {
  const at = (status: BatchStatus): number | null => {
    const ms = batch.enteredAtMs[status];
    return ms === undefined ? null : seconds(ms);
  };
  return {
    id: externalId('batch_', batch.id),
    object: 'batch',
    endpoint: batch.endpoint,
    errors: batch.problems.length === 0 ? null : { object: 'list', data: batch.problems },
    input_file_id: externalId('file-', batch.inputFile),
    completion_window: '24h',
    status: batch.status,
    output_file_id: fileId(batch.outputFile),
    error_file_id: fileId(batch.errorFile),
    created_at: seconds(batch.createdAtMs),
    in_progress_at: at('in_progress'),
    expires_at: seconds(batch.expiresAtMs),
    finalizing_at: at('finalizing'),
    completed_at: at('completed'),
    failed_at: at('failed'),
    expired_at: at('expired'),
    cancelling_at: at('cancelling'),
    cancelled_at: at('cancelled'),
    request_counts: batch.lines,
    metadata: batch.metadata,
  };
}
