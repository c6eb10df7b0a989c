import { LocalError } from '#local';

/** The public REST API as an administrator sees it. Every method's error: `LocalError` with status and the API's own message. */
export class AdminApi {
  constructor(
    readonly base: string,
    private readonly key: string,
  ) {}

  /** Waits until the gateway knows the key: keys reach it as events, a moment after governance made the first one. */
  async whenKnown(patienceMs = 30_000): Promise<void> {
    const until = performance.now() + patienceMs;
    for (;;) {
      try {
        await this.get('/v1/organisations?limit=1');
        return;
      } catch (error) {
        if (performance.now() > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
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

  /** An answer that is no JSON, as it comes. */
  async text(path: string): Promise<string> {
    return (await this.bytes(path)).toString('utf8');
  }

  async bytes(path: string): Promise<Buffer> {
    const response = await fetch(`${this.base}${path}`, { headers: { authorization: `Bearer ${this.key}` }, signal: AbortSignal.timeout(30_000) });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (!response.ok) throw new LocalError(`GET ${path}: ${response.status} ${bytes.toString('utf8', 0, 200)}`);
    return bytes;
  }

  private async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.base}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = (await response.json().catch(() => ({}))) as T & { error?: { message?: string; code?: string } };
    if (!response.ok) throw new LocalError(`${method} ${path}: ${response.status} ${answer.error?.code ?? ''} ${answer.error?.message ?? ''}`);
    return answer;
  }
}
