import { PassThrough } from 'node:stream';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { KV, KvWatchEntry } from '@nats-io/kv';
import { defineReplica } from '#protocol';
import { z } from 'zod';
import { Replicas } from './replicas.js';

const counts = defineReplica('prices', z.object({ n: z.int() }));
type Entry = Pick<KvWatchEntry, 'key' | 'revision' | 'delta' | 'operation'> & { n: number };

/** A bucket as its server tells of it: each watch is given what stands for it. */
class ScriptedBucket {
  opened = 0;

  constructor(
    private readonly last: number,
    private readonly script: readonly (readonly Entry[])[],
  ) {}

  readonly open = (): Promise<Pick<KV, 'status' | 'watch'>> =>
    Promise.resolve({
      status: () => Promise.resolve({ streamInfo: { state: { messages: this.last, last_seq: this.last } } } as Awaited<ReturnType<KV['status']>>),
      watch: () => {
        const watch = new PassThrough({ objectMode: true });
        for (const entry of this.script[this.opened] ?? []) watch.write({ ...entry, string: () => JSON.stringify({ n: entry.n }) });
        this.opened += 1;
        return Promise.resolve(Object.assign(watch, { stop: () => watch.end() }) as unknown as Awaited<ReturnType<KV['watch']>>);
      },
    });
}

const put = (key: string, n: number, revision: number, delta: number): Entry => ({ key, n, revision, delta, operation: 'PUT' });
const bus = { jetstream: undefined as never, onReconnect: () => {} };

describe('a view of a replicated bucket', () => {
  const made: Replicas[] = [];
  const over = (bucket: ScriptedBucket): Replicas => {
    const replicas = new Replicas(bus, bucket.open, 30);
    made.push(replicas);
    return replicas;
  };
  beforeEach(() => Logger.overrideLogger(false));
  afterEach(() => made.splice(0).forEach((replicas) => replicas.stop()));

  it('is complete when nothing is pending', async () => {
    const bucket = new ScriptedBucket(9, [[put('a', 1, 3, 1), put('b', 2, 7, 0)]]);
    const view = await over(bucket).view(counts);
    expect([...view.entries()]).toEqual([['a', { n: 1 }], ['b', { n: 2 }]]);
    expect(bucket.opened).toBe(1);
  });

  it('is complete when it holds all that was there at its opening, whatever the server says is pending', async () => {
    const bucket = new ScriptedBucket(7, [[put('a', 1, 3, 2), put('b', 2, 8, 1)]]);
    const view = await over(bucket).view(counts);
    expect(view.revision).toBe(8);
    expect(bucket.opened).toBe(1);
  });

  it('begins anew when its watch says nothing, and keeps nothing of the first', async () => {
    const bucket = new ScriptedBucket(7, [[put('gone', 1, 3, 1)], [], [put('a', 1, 7, 0)]]);
    const view = await over(bucket).view(counts);
    expect([...view.entries()]).toEqual([['a', { n: 1 }]]);
    expect(bucket.opened).toBe(3);
  });

  it('takes a deletion of what it was told before', async () => {
    const bucket = new ScriptedBucket(7, [[put('a', 1, 3, 2), { ...put('a', 0, 6, 1), operation: 'DEL' }, put('b', 2, 7, 0)]]);
    const view = await over(bucket).view(counts);
    expect([...view.entries()]).toEqual([['b', { n: 2 }]]);
  });
});
