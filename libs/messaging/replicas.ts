import { Logger } from '@nestjs/common';
import { Kvm } from '@nats-io/kv';
import type { KV, KvWatchEntry } from '@nats-io/kv';
import type { QueuedIterator } from '@nats-io/transport-node';
import { z } from 'zod';
import type { Replica, ValueOf } from '#protocol';
import { Bus } from './bus.js';

/** A local copy of a replicated bucket: complete once made, then kept up to date. */
export class ReplicaView<T> {
  private current = new Map<string, T>();
  private listeners: ((key: string | null) => void)[] = [];
  /** Sequence of the last change seen; decision records name it. */
  revision = 0;

  get(key: string): T | undefined {
    return this.current.get(key);
  }

  entries(): ReadonlyMap<string, T> {
    return this.current;
  }

  /** Called with the key that changed, or `null` when the whole view was rebuilt. */
  onChange(listener: (key: string | null) => void): void {
    this.listeners.push(listener);
  }

  /** @internal */
  apply(key: string, value: T | undefined, revision: number): void {
    if (value === undefined) this.current.delete(key);
    else this.current.set(key, value);
    this.revision = revision;
    this.notify(key);
  }

  /** @internal */
  replace(values: Map<string, T>, revision: number): void {
    this.current = values;
    this.revision = revision;
    this.notify(null);
  }

  private notify(key: string | null): void {
    for (const listener of this.listeners) listener(key);
  }
}

const retryMs = 250;
/** A view that is not complete and hears nothing for so long begins anew: a service that waits for a watch that went astray would never start. */
const silenceMs = 5_000;

/** Opens views of replicated buckets. */
export class Replicas {
  private readonly logger = new Logger(Replicas.name);
  private readonly watches = new Set<QueuedIterator<KvWatchEntry>>();
  private stopped = false;

  constructor(
    private readonly bus: Pick<Bus, 'jetstream' | 'onReconnect'>,
    private readonly open: (bucket: string) => Promise<Pick<KV, 'status' | 'watch'>> = (bucket) => new Kvm(bus.jetstream).open(bucket),
    private readonly patienceMs = silenceMs,
  ) {
    // A reconnection may have lost changes or the server-side consumer: every view is rebuilt from a snapshot.
    bus.onReconnect(() => this.watches.forEach((watch) => watch.stop()));
  }

  /** Resolves when the view holds everything that the bucket holds. Waits while the bucket is not there yet. */
  async view<R extends Replica>(replica: R): Promise<ReplicaView<ValueOf<R>>> {
    const view = new ReplicaView<ValueOf<R>>();
    await new Promise<void>((complete) => void this.follow(replica, view, complete));
    return view;
  }

  stop(): void {
    this.stopped = true;
    this.watches.forEach((watch) => watch.stop());
  }

  private async follow<R extends Replica>(replica: R, view: ReplicaView<ValueOf<R>>, complete: () => void): Promise<void> {
    while (!this.stopped) {
      try {
        await this.followOnce(replica, view, complete);
      } catch (error) {
        if (!this.stopped) this.logger.warn(`replica ${replica.bucket}: ${error instanceof Error ? error.message : String(error)}; trying again`);
      }
      if (!this.stopped) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  private async followOnce<R extends Replica>(replica: R, view: ReplicaView<ValueOf<R>>, complete: () => void): Promise<void> {
    const bucket = await this.open(replica.bucket);
    const snapshot = new Map<string, ValueOf<R>>();
    const { messages, last_seq: last } = (await bucket.status()).streamInfo.state;
    const watch = await bucket.watch();
    this.watches.add(watch);
    const silence = setTimeout(() => {
      this.logger.warn(`replica ${replica.bucket}: nothing was heard for ${this.patienceMs} ms and it is not complete; beginning anew`);
      watch.stop();
    }, this.patienceMs);
    let live = false;
    const goLive = (revision: number): void => {
      clearTimeout(silence);
      live = true;
      view.replace(snapshot, revision);
      complete();
    };
    try {
      if (messages === 0) goLive(0);
      for await (const entry of watch) {
        const value = entry.operation === 'PUT' ? this.parse(replica, entry) : undefined;
        if (live) {
          view.apply(entry.key, value, entry.revision);
          continue;
        }
        if (value === undefined) snapshot.delete(entry.key);
        else snapshot.set(entry.key, value);
        // What is pending may be counted wrongly while the bucket changes; all that was there at the opening is enough.
        if (entry.delta === 0 || entry.revision >= last) goLive(entry.revision);
        else silence.refresh();
      }
    } finally {
      clearTimeout(silence);
      this.watches.delete(watch);
    }
  }

  /** A value that does not parse is left out: a gateway must not run on what it does not understand. */
  private parse<R extends Replica>(replica: R, entry: KvWatchEntry): ValueOf<R> | undefined {
    try {
      return z.decode(replica.value, JSON.parse(entry.string()) as never) as ValueOf<R>;
    } catch (error) {
      this.logger.error(`replica ${replica.bucket}: key ${entry.key} does not parse: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
