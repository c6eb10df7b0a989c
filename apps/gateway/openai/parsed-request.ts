import type { Endpoint } from '#protocol';
import type { AnswerGuard } from '../answers/answer-guard.js';
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
  /** Set when the client asked for a stream: how events become its chunks. */
  readonly form?: ((guard?: AnswerGuard) => StreamForm) | undefined;
}
