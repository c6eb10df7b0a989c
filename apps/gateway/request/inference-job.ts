import type { CompletedFacts, Endpoint, Role, TenantEntry, Usage } from '#protocol';
import type { DeclaredFacts } from './declared-facts.js';
import type { Conversation } from './prefix-affinity.js';
import type { StreamedJob } from './streamed-job.js';
import type { TokenBound } from './upper-bound.js';

/** Who has to know whether a request may be charged. */
export interface Charging {
  /** Resolves when that is known to whoever could run the request again; before that nothing is sent to a machine. Errors: CONFLICT, SERVICE_UNAVAILABLE. */
  begin(): Promise<void>;
  /** What began last has its end in the log, and costs nothing. */
  free(): void;
}

/** One request for inference, parsed and ready for the steps. */
export interface InferenceJob {
  /** The request's id, and its record's. */
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly keyId: string;
  readonly role: Role;
  readonly tenant: TenantEntry;
  readonly project: TenantEntry['projects'][number];
  readonly declared: DeclaredFacts;
  /** The exact bytes that a node is given. */
  readonly body: Buffer;
  /** Everything in the body that people wrote: what the scanner reads. */
  readonly texts: readonly string[];
  /** More tokens than this the job cannot use. */
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
  /** What the client is given of a node's answer, in the form it asked for. Error: NODE_PROTOCOL when the answer has no such form. */
  adapt(answer: Buffer): Buffer | Promise<Buffer>;
  /** Told of `x-ratelimit-*` headers for the answer, whatever it will be. */
  readonly tellLimits?: (headers: Record<string, string>) => void;
  /** Set when the client wants the answer as it comes. */
  readonly streamed?: StreamedJob | undefined;
  /** It may take as long as a stream, though its answer comes whole. */
  readonly takesLong?: boolean;
  /** It ends by then, however long it might last otherwise. */
  readonly untilMs?: number;
  /** The client says that it asked this before. */
  readonly isRepeat?: boolean;
  /** What was found in the answer, where rules say to look; for its record. */
  answerFindings?(): CompletedFacts['answerFindings'];
  /** An earlier run may have made its record already: the log keeps the first. */
  readonly mayBeRecorded?: boolean;
  /** Gives the id under which the next record is made when one has ended without an answer; left out: any new one. */
  nextRecord?(): Promise<string>;
  /** Told of everything of the request that may be charged. */
  readonly charging?: Charging | undefined;
  /** Machines whose price could make the request dearer than this are not asked. */
  readonly costNanosMax?: bigint;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /**
   * Keeps the answer for a caller who is not there to take it; `undefined` when there is none. Called before the end is recorded:
   * when it throws, the end is not this run's to record.
   */
  keep?(answer: Pick<InferenceAnswer, 'status' | 'contentType' | 'body' | 'usage'> | undefined): Promise<void>;
}

/** What a machine may still hold the beginning of. */
export const conversationOf = ({ tenant, model, endpoint, body }: InferenceJob): Conversation => ({ tenant: tenant.tenant, model, endpoint, body });

/** What the client is given; of a streamed answer it has the body already. */
export interface InferenceAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** What the machine answered, before `adapt`: of this is the hash in the record. */
  readonly engineBody: Buffer;
  /** What was measured; a kept answer used nothing. */
  readonly usage?: Usage;
  /** What it cost; left out where nothing ran. */
  readonly chargeNanos?: bigint;
  /** The record that holds the decision. */
  readonly record: string;
  /** The answer was given before, to the very same request. */
  readonly isReused?: boolean;
  /** The answer was given before, to a question so similar: the cosine of both. */
  readonly similarity?: number;
}
