import type { Endpoint, SignedReceipt, Usage } from '#protocol';

/** What a gateway asks a node to run. */
export interface JobRequest {
  readonly node: string;
  /** Raw Ed25519 identity key of the node, hex: signs sessions and receipts. */
  readonly nodePublicKey: string;
  /** Record id of the request: what the receipt names. */
  readonly record: string;
  readonly offer: string;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly body: Buffer;
  /** Unix milliseconds after which the answer is of no use. */
  readonly deadlineMs: number;
  readonly traceparent?: string | undefined;
  /** Aborting cancels the job on the node. */
  readonly signal?: AbortSignal | undefined;
}

/** The whole answer, with a receipt that was checked against both bodies. */
export interface JobResult {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly usage: Usage;
  readonly receipt: SignedReceipt;
}

/** Why a node is `NODE_UNREACHABLE`: `details.reason` of the error. */
export type Unreachable = 'no-responders' | 'timeout' | 'disconnected' | 'lost';
