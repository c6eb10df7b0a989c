/** What the API answered instead of what was asked for. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The answer's `error` object. */
    readonly error: Readonly<Record<string, unknown>>,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
export type QueryValues = Readonly<Record<string, string | number | undefined>>;

const answerMs = 60_000;

/** The public REST API with one key. */
export class ApiClient {
  constructor(
    private readonly base: string,
    private readonly key: string,
  ) {}

  /** Where the public log is served. */
  get log(): string {
    return `${this.base.replace(/\/$/, '')}/log`;
  }

  /** Members that are `undefined` are left out. Errors: {@link ApiError}; unreachable. */
  async ask(method: Method, path: string, parts: { readonly query?: QueryValues; readonly body?: unknown } = {}): Promise<unknown> {
    const text = await this.answer(method, path, parts);
    return text === '' ? {} : (JSON.parse(text) as unknown);
  }

  /** An answer that is no JSON, as it comes. Errors: the same. */
  text(path: string, query: QueryValues): Promise<string> {
    return this.answer('GET', path, { query });
  }

  /** The same with its headers. */
  async told(path: string, query: QueryValues): Promise<{ text: string; headers: Headers }> {
    const response = await this.response('GET', path, { query });
    return { text: await response.text(), headers: response.headers };
  }

  /** An answer of bytes. Errors: the same. */
  async bytes(path: string, query: QueryValues): Promise<Buffer> {
    return Buffer.from(await (await this.response('GET', path, { query })).arrayBuffer());
  }

  private async answer(method: Method, path: string, parts: { readonly query?: QueryValues; readonly body?: unknown }): Promise<string> {
    return (await this.response(method, path, parts)).text();
  }

  private async response(method: Method, path: string, parts: { readonly query?: QueryValues; readonly body?: unknown }): Promise<Response> {
    const url = new URL(`${this.base.replace(/\/$/, '')}/v1${path}`);
    for (const [name, value] of Object.entries(parts.query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value));
    const response = await this.send(url, method, parts.body);
    if (!response.ok) throw errorOf(response.status, await response.text());
    return response;
  }

  private async send(url: URL, method: Method, body: unknown): Promise<Response> {
    try {
      return await fetch(url, {
        method,
        headers: { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(answerMs),
      });
    } catch (error) {
      const cause = (error as { cause?: { message?: string; code?: string } }).cause;
      throw new Error(`${url.origin} cannot be reached: ${cause?.code ?? cause?.message ?? (error as Error).message}`, { cause: error });
    }
  }
}

function errorOf(status: number, text: string): ApiError {
  let error: Record<string, unknown> = {};
  try {
    error = (JSON.parse(text) as { error?: Record<string, unknown> }).error ?? {};
  } catch {
    // Not ours: a proxy's page.
  }
  const message = typeof error['message'] === 'string' ? error['message'] : `the API answered ${status}`;
  return new ApiError(status, typeof error['code'] === 'string' ? error['code'] : '', message, error);
}
