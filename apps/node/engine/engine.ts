import type { Endpoint, Usage } from '#protocol';

/** A model that an engine can run. */
export interface EngineModel {
  readonly model: string;
  readonly endpoints: readonly Endpoint[];
}

export interface EngineRequest {
  readonly model: string;
  readonly endpoint: Endpoint;
  /** OpenAI request body, JSON. */
  readonly body: Buffer;
}

/** An OpenAI answer. A status of 400 and above carries an OpenAI error object and no usage. */
export interface EngineAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  readonly usage: Usage;
}

/** What a node rents out: something that runs models. */
export abstract class Engine {
  /** The models it has. Error: ENGINE_FAILED when it cannot be asked. */
  abstract models(): Promise<EngineModel[]>;
  /** Runs one request. Errors: ENGINE_FAILED; the signal's reason when aborted. */
  abstract run(request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer>;
  abstract close(): Promise<void>;
}

export const noUsage: Usage = { inputTokens: 0, outputTokens: 0 };

/** A refusal that the caller can read. */
export function refusal(status: number, message: string, param: string | null, code: string | null = null): EngineAnswer {
  const error = { message, type: 'invalid_request_error', param, code };
  return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify({ error })), usage: noUsage };
}
