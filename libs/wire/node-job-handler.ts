import type { Endpoint, Usage } from '#protocol';

/** A job as the node's handler sees it. */
export interface NodeJobInput {
  readonly record: string;
  readonly offer: string;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly body: Buffer;
  readonly gateway: string;
  readonly remainingMs: number;
  readonly traceparent: string | undefined;
  readonly cacheSalt?: string | undefined;
  /** The most that the job can bring: it is reserved. Older gateways do not say. */
  readonly worthNanos?: bigint | undefined;
}

/** What an engine used. `estimated`: it does not say, so it was counted from the text. */
export type JobUsage = Usage & { readonly estimated?: boolean };

/**
 * What the engine answered. `usage` may become known only when the body has ended; when the signal aborts or the body breaks off,
 * it settles soon with what was produced until then.
 */
export interface NodeJobOutput {
  readonly status: number;
  readonly contentType: string;
  /** Beside a refusal: when the engine wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
  readonly body: Buffer | AsyncIterable<Buffer>;
  readonly usage: JobUsage | Promise<JobUsage>;
}

export type NodeJobHandler = (job: NodeJobInput, signal: AbortSignal) => Promise<NodeJobOutput>;
