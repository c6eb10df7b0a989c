import { chatBody } from './answers.js';
import type { Governed } from './governed.js';
import { HttpConnection, requestBytes } from './http-connection.js';
import { quantile } from './load.js';

const patienceMs = 10_000;

/** Times of two processes of one machine, in milliseconds. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** From the moment in which a client cuts its stream to the one in which the engine is told to stop, the 99th of a hundred, in milliseconds; one stream after another. */
export async function cancelMs({ target, engine }: Pick<Governed, 'target' | 'engine'>, streams: number): Promise<number> {
  const aborts = async (): Promise<number[]> => (await (await fetch(`${engine.url}/aborts`)).json()) as number[];
  const request = requestBytes(target, chatBody({ stream: true, idle: true }));
  const took: number[] = [];
  for (let n = 0; n < streams; n += 1) {
    const { length: before } = await aborts();
    const connection = await HttpConnection.open(target);
    await new Promise<void>((begun, reject) => void connection.send(request, () => begun()).catch(reject));
    const leftMs = nowMs();
    connection.close();
    let after: number[];
    do after = await aborts();
    while (after.length === before && nowMs() < leftMs + patienceMs);
    took.push((after[before] ?? Infinity) - leftMs);
  }
  return quantile({ latencies: Float64Array.from(took).sort() }, 0.99);
}
