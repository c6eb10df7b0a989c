import { HttpConnection } from './http-connection.js';
import type { Target } from './http-connection.js';
import { openPool, quantile, succeeded } from './load.js';

const data = Buffer.from('data: ');

function eventsIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(data); at >= 0; at = bytes.indexOf(data, at + data.length)) count += 1;
  return count;
}

/** Median time from a request to the first bytes of its stream, in milliseconds, one stream after another. */
export async function firstTokenMs(target: Target, request: Buffer, streams: number): Promise<number> {
  const connection = await HttpConnection.open(target);
  const first: number[] = [];
  for (let n = 0; n < streams; n += 1) {
    const sentAt = performance.now();
    let firstAt: number | undefined;
    succeeded(target, await connection.send(request, () => (firstAt ??= performance.now())));
    first.push(firstAt! - sentAt);
  }
  connection.close();
  return quantile({ latencies: Float64Array.from(first).sort() }, 0.5);
}

/** Events a second over so many streams at once, one batch after another. */
export async function chunksPerSecond(target: Target, request: Buffer, streams: number, batches: number): Promise<number> {
  const pool = await openPool(target, streams);
  let events = 0;
  const startedAt = performance.now();
  for (let batch = 0; batch < batches; batch += 1) {
    await Promise.all(pool.map(async (connection) => succeeded(target, await connection.send(request, (bytes) => void (events += eventsIn(bytes))))));
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const connection of pool) connection.close();
  return events / seconds;
}

/** Opens so many streams that stay silent after their first bytes; resolves with how to close them. */
export async function openIdle(target: Target, request: Buffer, streams: number, atOnce = 50): Promise<() => void> {
  const open: HttpConnection[] = [];
  const one = async (): Promise<void> => {
    while (open.length < streams) {
      const connection = await HttpConnection.open(target);
      open.push(connection);
      await new Promise<void>((resolve, reject) => void connection.send(request, () => resolve()).then((status) => reject(new Error(`an idle stream ended with ${status}`)), reject));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return () => {
    for (const connection of open) connection.close();
  };
}
