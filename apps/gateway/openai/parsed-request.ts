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
  /** What the body still lacks is fetched by this, once the request is permitted and its money is held. Errors: REQUEST_INVALID, URL_REFUSED, NO_CAPACITY, the signal's reason. */
  complete?(body: Buffer, tenant: string, signal: AbortSignal): Promise<Buffer>;
  /** Choices that were asked for; one when left out. */
  readonly choices?: number | undefined;
  /** The most tokens of output that a whole answer can stand for by what it shows, where it shows it: more is not paid. */
  shown?(answer: Buffer): number;
  /** Tokens that the caller asked for without being shown them: up to so many are paid on the machine's word. */
  readonly unshownTokens?: number | undefined;
  /** What of an answer can be counted here too, where something can: a machine that claims more is not believed. */
  measured?(answer: Buffer): TokenBound['meters'];
  adapt(answer: Buffer): Buffer;
  /** Pictures and sound may take machines as long as a stream. */
  readonly takesLong?: boolean;
  /** What the answer is told to be; as the machine says when left out. */
  readonly contentType?: string;
  /** What says whether a request is the same again, where the body was not read as JSON. */
  readonly identity?: unknown;
  /** The data of this request is of this class at least, whatever is declared. */
  readonly classAtLeast?: DataClass;
  /** Keeps what the client is about to be given; never throws. Of a stream the body is empty. */
  keep?(answer: Pick<InferenceAnswer, 'body' | 'usage'>): Promise<void>;
  /** A whole answer as it is told after `keep`; as it is when left out. */
  told?(body: Buffer): Buffer;
  /** Set when the client asked for a stream: how events become its chunks. */
  readonly form?: ((guard?: AnswerGuard) => StreamForm) | undefined;
}
