import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { LogStack, messageOf } from '../../audit/log-stack.js';
import { percentile } from '../billing/measured.js';

/** As a busy gateway commits them: five each millisecond. */
const perMessage = 5;
const messageMs = 1;
/** How often the head is looked at: what a figure may be too high by. */
const lookMs = 3;
/** The first entries meet a service that has just begun. */
const warmUpMs = 2_000;

export interface PromisedIndex {
  readonly entries: number;
  readonly offeredPerSecond: number;
  readonly loggedPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Offers 5,000 entries a second to the stream and sees from outside when each has its index: when a head that covers it is committed. Time begins
 * when an entry was due to be published, so that a publisher that is held up hides nothing. The service is a process of its own.
 */
export async function promisedIndex(stack: LogStack, ms: number): Promise<PromisedIndex> {
  const service = await stack.sequencer();
  const reader = new pg.Client({ connectionString: stack.database.adminUrl });
  await reader.connect();
  const size = async (): Promise<number> => Number((await reader.query<{ size: string }>({ name: 'size', text: 'SELECT size FROM governance.log_head' })).rows[0]!.size);
  try {
    const count = Math.floor((ms + warmUpMs) / messageMs);
    const batches = Array.from({ length: count }, (_, at) => Array.from({ length: perMessage }, () => stack.record(at)));
    const offer = stack.offer(batches.map(messageOf));
    await stack.publish([stack.record(0)]);
    while ((await size()) === 0) await sleep(20);
    const before = await size();

    const heads: { atMs: number; size: number }[] = [];
    const start = performance.now();
    let isOver = false;
    const looking = (async () => {
      for (let last = before; !isOver; await sleep(lookMs)) {
        const now = await size();
        if (now !== last) heads.push({ atMs: performance.now(), size: now });
        last = now;
      }
    })();
    for (let sent = 0; sent < count; await sleep(1)) {
      for (const due = Math.min(count, Math.floor((performance.now() - start) / messageMs)); sent < due; sent += 1) offer.send(sent);
    }
    await offer.acknowledged();
    for (const until = performance.now() + 60_000; (await size()) < before + count * perMessage && performance.now() < until; ) await sleep(20);
    isOver = true;
    await looking;

    const rows = await reader.query<{ id: string; index: string }>('SELECT id, index FROM governance.log_ids');
    const indexOf = new Map(rows.rows.map(({ id, index }) => [id, Number(index)]));
    const seen = seenAt(heads, before + count * perMessage);
    const latencies = batches.flatMap((batch, at) => (at * messageMs < warmUpMs ? [] : batch.map(({ id }) => seen(indexOf.get(id)!) - (start + at * messageMs))));
    const lastMs = heads.at(-1)!.atMs - start;
    return { entries: latencies.length, offeredPerSecond: (perMessage * 1_000) / messageMs, loggedPerSecond: (count * perMessage * 1_000) / lastMs, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
  } finally {
    await reader.end();
    await service.kill();
  }
}

/** When a head that covers an index was seen first. */
function seenAt(heads: readonly { atMs: number; size: number }[], size: number): (index: number) => number {
  const times = new Float64Array(size);
  let from = 0;
  for (const head of heads) {
    times.fill(head.atMs, from, head.size);
    from = Math.max(from, head.size);
  }
  if (from < size) throw new Error(`only ${from} of ${size} entries were logged`);
  return (index) => times[index]!;
}
