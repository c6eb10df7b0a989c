import type { RecordFields } from '#protocol';
import type { Decision } from './decide.js';
import type { InferenceJob } from './inference-job.js';
import type { TokenHold } from './limit.js';

/** A decided request on its way. */
export interface Decided {
  readonly job: InferenceJob;
  readonly fields: RecordFields;
  readonly decision: Decision;
  readonly requestHash: string;
  readonly deadlineMs: number;
  readonly tokens: TokenHold;
}
