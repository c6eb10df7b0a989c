import type { Endpoint } from '#protocol';
import type { JobUsage } from '#wire';

/** A model that an engine can run. */
export interface EngineModel {
  readonly model: string;
  readonly endpoints: readonly Endpoint[];
}

export interface EngineRequest {
  /** The request's id, the same at every attempt; engines that cost nothing need none. */
  readonly record?: string | undefined;
  readonly model: string;
  readonly endpoint: Endpoint;
  /** OpenAI request body, JSON. */
  readonly body: Buffer;
  /** The organisation's own part of a prefix cache. */
  readonly cacheSalt?: string | undefined;
  /** The most that the request can bring this machine, in nano-dollars. */
  readonly worthNanos?: bigint | undefined;
}

/**
 * An OpenAI answer, whole or as it is made. A status of 400 and above carries an OpenAI error object and no usage. The usage of a
 * streamed one settles when its body has ended, and soon after the signal aborts with what was produced until then.
 */
export interface EngineAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Beside a refusal: when it wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
  readonly body: Buffer | AsyncIterable<Buffer>;
  readonly usage: JobUsage | Promise<JobUsage>;
}

/** One that is whole. */
export interface WholeAnswer extends EngineAnswer {
  readonly body: Buffer;
  readonly usage: JobUsage;
}

/** What a node rents out: something that runs models. */
export abstract class Engine {
  /** The models it has. Error: ENGINE_FAILED when it cannot be asked. */
  abstract models(): Promise<EngineModel[]>;
  /** Runs one request. Errors: ENGINE_FAILED; the signal's reason when aborted. */
  abstract run(request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer>;
  abstract close(): Promise<void>;
}

export const noUsage: JobUsage = { inputTokens: 0, outputTokens: 0 };

/** A refusal that the caller can read. */
export function refusal(status: number, message: string, param: string | null, code: string | null = null): WholeAnswer {
  const error = { message, type: 'invalid_request_error', param, code };
  return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify({ error })), usage: noUsage };
}
