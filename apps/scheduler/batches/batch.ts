import type { z } from 'zod';
import type { Batch as BatchOnWire, BatchPath, BatchProblem, BatchStatus, declaredFactsShape } from '#protocol';

/** From which statuses a batch may come into one. */
export const batchStatusesBefore: Readonly<Record<BatchStatus, readonly BatchStatus[]>> = {
  validating: [],
  failed: ['validating'],
  in_progress: ['validating'],
  finalizing: ['in_progress'],
  completed: ['finalizing'],
  expired: ['finalizing'],
  cancelling: ['validating', 'in_progress'],
  cancelled: ['cancelling'],
};

export type Ending = 'completed' | 'expired' | 'cancelled';

export interface Batch {
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  readonly keyId: string;
  readonly endpoint: BatchPath;
  readonly inputFile: string;
  readonly outputFile: string | null;
  readonly errorFile: string | null;
  readonly status: BatchStatus;
  readonly ending: Ending | null;
  readonly problems: readonly BatchProblem[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly declared: z.output<typeof declaredFactsShape>;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly enteredAtMs: Readonly<Partial<Record<BatchStatus, number>>>;
}

/** Which part of the input a line's job stands for. */
export interface LinePayload {
  readonly line: number;
  readonly offset: number;
  readonly bytes: number;
}

export function batchToWire(batch: Batch): BatchOnWire {
  const { id, tenant, project, endpoint, inputFile, outputFile, errorFile, status, problems, metadata, total, completed, failed, createdAtMs, expiresAtMs, enteredAtMs } = batch;
  return { id, tenant, project, endpoint, inputFile, outputFile, errorFile, status, problems: [...problems], metadata: metadata && { ...metadata }, lines: { total, completed, failed }, createdAtMs, expiresAtMs, enteredAtMs: { ...enteredAtMs } };
}
