import type { DataClass, Endpoint } from '#protocol';
import type { AnswerGuard } from '../answers/answer-guard.js';
import type { InferenceAnswer } from '../request/inference-job.js';
import type { StreamForm } from '../request/streamed-job.js';
import type { TokenBound } from '../request/upper-bound.js';

/** An OpenAI request, checked and ready to be sent. */
export interface ParsedRequest {
  readonly endpoint: Endpoint;
  readonly model: string;
  /** What the node is given. */
  readonly body: Buffer;
  readonly texts: readonly string[];
  readonly bound: TokenBound;
  adapt(answer: Buffer): Buffer;
  /** The data of this request is of this class at least, whatever is declared. */
  readonly classAtLeast?: DataClass;
  /** Keeps what the client is about to be given; never throws. Of a stream the body is empty. */
  keep?(answer: Pick<InferenceAnswer, 'body' | 'usage'>): Promise<void>;
  /** A whole answer as it is told after `keep`; as it is when left out. */
  told?(body: Buffer): Buffer;
  /** Set when the client asked for a stream: how events become its chunks. */
  readonly form?: ((guard?: AnswerGuard) => StreamForm) | undefined;
}
