import { told } from './eventually.js';

/** One answer of the API, whatever it says. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The exact bytes of the body. */
  readonly bytes: Buffer;
  /** The body as JSON; `undefined` when it is none. */
  readonly json: unknown;
  /** The body's `error`, if it has one. */
  readonly error: ApiError | undefined;
}

/** OpenAI's error object. */
export interface ApiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string;
  readonly policies?: readonly { readonly id: string; readonly reason: string | null }[];
  readonly problems?: readonly { readonly message: string; readonly line: number; readonly column: number }[];
}

const answerMs = 40_000;

/** Plain HTTP, as `curl` speaks it, with one API key. */
export class RestApi {
  constructor(
    private readonly base: string,
    private readonly key: string,
  ) {}

  /** Sends anything and gives whatever comes back. A `body` that is text or a form is sent as it is, anything else as JSON. Error: the connection's. */
  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const isForm = body instanceof FormData;
    const response = await fetch(`${this.base}${path}`, {
      method,
      headers: { ...(this.key === '' ? {} : { authorization: `Bearer ${this.key}` }), ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }), ...headers },
      body: body === undefined || typeof body === 'string' || isForm ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(answerMs),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const json = parsed(bytes);
    return { status: response.status, headers: response.headers, bytes, json, error: (json as { error?: ApiError } | undefined)?.error };
  }

  /** The JSON of an answer that is a success. Error: what came instead. */
  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.send(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${told(answer.json ?? answer.bytes.toString())}`);
    return answer.json as T;
  }

  get<T>(path: string): Promise<T> {
    return this.ask<T>('GET', path);
  }
  post<T>(path: string, body: unknown): Promise<T> {
    return this.ask<T>('POST', path, body);
  }
  put<T>(path: string, body: unknown): Promise<T> {
    return this.ask<T>('PUT', path, body);
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
