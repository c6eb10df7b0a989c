import type { RecordFields, Sealer } from '#protocol';
import type { Classification } from './classify.js';
import type { Decision } from './decide.js';
import type { InferenceJob } from './inference-job.js';
import type { TokenHold } from './limit.js';

/** A request that was decided upon. */
export interface Asked {
  readonly job: InferenceJob;
  readonly fields: RecordFields;
  readonly decision: Decision;
  readonly requestHash: string;
  readonly classification: Classification;
  /** Seals to whom the data is about, where that is declared. */
  readonly person: Sealer | undefined;
}

/** A permitted request on its way. */
export interface Decided extends Asked {
  readonly deadlineMs: number;
  readonly tokens: TokenHold;
}
