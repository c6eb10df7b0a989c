import { HttpConnection } from './http-connection.js';
import type { Target } from './http-connection.js';

export interface Load {
  readonly perSecond: number;
  /** In milliseconds, ascending. */
  readonly latencies: Float64Array;
}

export const quantile = ({ latencies }: Pick<Load, 'latencies'>, part: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? NaN;

/** So many connections, each with the next request when the one before is answered. Error: any answer but 200. */
export async function closedLoad(target: Target, request: Buffer, connections: number, forMs: number): Promise<Load> {
  const pool = await openPool(target, connections);
  const latencies: number[] = [];
  const startedAt = performance.now();
  await Promise.all(
    pool.map(async (connection) => {
      for (let sentAt = performance.now(); sentAt - startedAt < forMs; ) {
        succeeded(target, await connection.send(request));
        const answeredAt = performance.now();
        latencies.push(answeredAt - sentAt);
        sentAt = answeredAt;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const connection of pool) connection.close();
  return { perSecond: latencies.length / seconds, latencies: Float64Array.from(latencies).sort() };
}

/**
 * Requests at a steady rate, whatever became of those before; latency counts from the moment when a request was due, waiting for a
 * connection included.
 */
export async function steadyLoad(target: Target, request: Buffer, perSecond: number, forMs: number): Promise<Load> {
  const idle = await openPool(target, 64);
  const all = [...idle];
  const latencies: number[] = [];
  const due: number[] = [];
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const next = (): void => {
    while (due.length > 0 && idle.length > 0) {
      const dueAt = due.shift()!;
      const connection = idle.pop()!;
      const one = connection.send(request).then((status) => {
        succeeded(target, status);
        latencies.push(performance.now() - dueAt);
        idle.push(connection);
        next();
      }).catch((error: unknown) => void failures.push(error));
      running.add(one);
      void one.finally(() => running.delete(one));
    }
  };
  const startedAt = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const ticks = setInterval(() => {
      const now = performance.now();
      for (; sent < ((now - startedAt) * perSecond) / 1_000; sent += 1) due.push(now);
      next();
      if (now - startedAt < forMs) return;
      clearInterval(ticks);
      resolve();
    }, 1);
  });
  while (running.size > 0 || (due.length > 0 && failures.length === 0)) await Promise.race(running);
  for (const connection of all) connection.close();
  if (failures.length > 0) throw failures[0];
  return { perSecond, latencies: Float64Array.from(latencies).sort() };
}

export const openPool = (target: Target, connections: number): Promise<HttpConnection[]> => Promise.all(Array.from({ length: connections }, () => HttpConnection.open(target)));

export function succeeded({ name }: Target, status: number): void {
  if (status !== 200) throw new Error(`${name} answered ${status}`);
}
