import type { Endpoint, SignedReceipt, Usage } from '#protocol';

/** What a gateway asks a node to run. */
export interface JobRequest {
  readonly node: string;
  /** Raw Ed25519 identity key of the node, hex: signs sessions and receipts. */
  readonly nodePublicKey: string;
  /** Where gateways may call the node straight; over the bus when left out. */
  readonly url?: string | null | undefined;
  /** Record id of the request: what the receipt names. */
  readonly record: string;
  readonly offer: string;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly body: Buffer;
  /** Unix milliseconds after which the answer is of no use. */
  readonly deadlineMs: number;
  readonly traceparent?: string | undefined;
  /** For engines that share a prefix cache among callers. */
  readonly cacheSalt?: string | undefined;
  /** The most that the job can bring at the offer's price: it is reserved. */
  readonly worthNanos?: bigint | undefined;
  /** Aborting cancels the job on the node. */
  readonly signal?: AbortSignal | undefined;
}

/** The whole answer, with a receipt that was checked against both bodies. */
export interface JobResult {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly usage: Usage;
  /** Whether the node counted the usage because its engine does not. */
  readonly estimated?: boolean;
  readonly receipt: SignedReceipt;
}

/** What a node did for a job, with a receipt that was checked against both bodies: also for a stream that did not come to its end. */
export interface JobEnd {
  readonly usage: Usage;
  readonly estimated: boolean;
  readonly receipt: SignedReceipt;
  /** Lower-case hex SHA-256 of every byte that the node sent. */
  readonly responseHash: string;
}

/** An answer as it comes. Its status is a success. */
export interface JobStream {
  readonly status: number;
  readonly contentType: string;
  /**
   * For one reader; leaving it cancels the job. Errors: NODE_UNREACHABLE, ENGINE_FAILED, NODE_PROTOCOL, DEADLINE_EXCEEDED; the signal's
   * reason when cancelled.
   */
  readonly body: AsyncIterable<Buffer>;
  /** Settles soon after the body has ended or failed. A node that stopped half-way also says what it did; rejects when it cannot. */
  readonly end: Promise<JobEnd>;
}

/** A job that was cancelled before its answer was whole; its node says what it had made until then. `cause`: the signal's reason. */
export class Interrupted extends Error {
  constructor(
    reason: unknown,
    readonly end: JobEnd,
  ) {
    super('the job was cancelled', { cause: reason });
  }
}

/** Why a node is `NODE_UNREACHABLE`: `details.reason` of the error. */
export type Unreachable = 'no-responders' | 'timeout' | 'disconnected' | 'lost';
