import type { z } from 'zod';
import { AdminApi } from '../admin-api.js';

/** The public REST API, with answers parsed by the schemas of the protocol. */
export class SampleApi {
  private readonly api: AdminApi;

  constructor(base: string, key: string) {
    this.api = new AdminApi(base, key);
  }

  async get<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
    return schema.parse(await this.api.get<unknown>(path));
  }

  text(path: string): Promise<string> {
    return this.api.text(path);
  }

  bytes(path: string): Promise<Buffer> {
    return this.api.bytes(path);
  }

  async put<S extends z.ZodType>(path: string, body: unknown, schema: S): Promise<z.output<S>> {
    return schema.parse(await this.api.put<unknown>(path, body));
  }

  async post<S extends z.ZodType>(path: string, body: unknown, schema: S): Promise<z.output<S>> {
    return schema.parse(await this.api.post<unknown>(path, body));
  }
}

const pollMs = 200;

/** Asks again until `question` gives something, for facts that are on their way. Error: the last one, or a timeout naming `what`. */
export async function eventually<T>(what: string, question: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      const answer = await question();
      if (answer !== undefined) return answer;
      if (performance.now() > end) throw new Error(`${what} did not come about within ${timeoutMs / 1000} s`);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Runs `work` over all items, at most `width` at once; results keep the order of the items. */
export async function inParallel<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
