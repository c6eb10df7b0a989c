import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Kvm, type KV } from '@nats-io/kv';
import { Gauge, register } from 'prom-client';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { AssertionError, Clock, Ids } from '#kernel';
import { Bus, Outbox } from '#messaging';
import { equalBytes, fromHex, RightEdge, sha256, signCheckpoint, toHex } from '#merkle';
import { failure, operatorRecord, sha256Hex } from '#protocol';
import { Readiness, withTenant } from '#service';
import { LogStore, type Head } from '../audit/log.store.js';
import { TileStore } from '../audit/tiles.store.js';
import { Secrets } from '../secrets.js';

const bucketName = 'log-heads';
const key = 'highest';
const marked = z.object({ size: z.int().nonnegative(), root: sha256Hex });

/** The highest head ever signed, and its version in the bucket (0: there was none). */
interface Mark extends Head {
  readonly revision: number;
}

const gaugeOptions = { name: 'mizan_log_history_broken', help: '1 while the log does not hold the highest head that was signed of it, and signs nothing' };

/**
 * Signs heads of the log, none that contradicts another. The highest is kept in JetStream, apart from the database: one that was restored from a
 * backup is found out before it signs a second history.
 */
@Injectable()
export class HighestHead implements OnApplicationBootstrap {
  private readonly logger = new Logger(HighestHead.name);
  private readonly gauge = (register.getSingleMetric(gaugeOptions.name) as Gauge | undefined) ?? new Gauge(gaugeOptions);
  private bucket: KV | undefined;
  /** The last one that was found to be of this log. */
  private known: Head | undefined;
  private broken: string | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly tiles: TileStore,
    @Inject(Bus) private readonly bus: Bus,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
    private readonly secrets: Secrets,
    private readonly readiness: Readiness,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.readiness.add('log history', () => this.broken === undefined);
    this.gauge.set(0);
    try {
      if (this.secrets.acceptedBreak) await this.accept(this.secrets.acceptedBreak);
      await withTenant(this.dataSource, '*', async (manager) => this.raise(manager, await this.log.head(manager)));
    } catch (error) {
      this.logger.error(`no head of the log was compared with what was signed before: ${(error as Error).message}`);
    }
  }

  /** A committed head as a signed note, after it was noted as the highest. Errors: `SERVICE_UNAVAILABLE` when what was signed before cannot be read, or the log does not continue it. */
  async sign(manager: EntityManager, head: Head): Promise<string> {
    if (this.known?.size !== head.size || !equalBytes(this.known.root, head.root)) await this.raise(manager, head);
    return signCheckpoint({ origin: this.secrets.logSigner.key.name, size: head.size, root: head.root }, this.secrets.logSigner);
  }

  private async raise(manager: EntityManager, head: Head): Promise<void> {
    for (;;) {
      const mark = await this.read();
      await this.requireHeld(manager, mark, head);
      if (mark.revision > 0 && mark.size >= head.size) return;
      if (await this.write(head, mark.revision)) {
        this.known = head;
        return;
      }
    }
  }

  /** The log must have the mark's entries under its root. One that is behind may be catching up from the stream, and is looked at again. */
  private async requireHeld(manager: EntityManager, mark: Mark, head: Head): Promise<void> {
    const { size } = head.size >= mark.size ? head : await this.log.head(manager);
    const problem = size < mark.size ? `it has ${size} entries` : (await this.hasRoot(manager, mark)) ? undefined : 'it holds others';
    if (problem !== undefined) {
      const told = `a head of ${mark.size} entries with the root ${toHex(mark.root)} was signed, and the log does not continue it (${problem}): nothing is signed. Was the database restored?`;
      if (this.broken !== told) this.logger.error(told);
      this.broken = told;
      this.known = undefined;
      this.gauge.set(1);
      throw failure('SERVICE_UNAVAILABLE', told);
    }
    if (this.broken !== undefined) this.logger.warn(`the log holds the ${mark.size} entries that were signed again`);
    this.broken = undefined;
    this.gauge.set(0);
  }

  private async hasRoot(manager: EntityManager, { size, root }: Head): Promise<boolean> {
    if (size === 0) return true;
    try {
      return equalBytes(RightEdge.restore(sha256, size, await this.tiles.hashes(manager, RightEdge.subtreesAt(size), size)).root(), root);
    } catch (error) {
      if (error instanceof AssertionError) return false;
      throw error;
    }
  }

  /** Gives up a head that is lost, by its size and root, and begins anew with what there is. It is an entry of the log. */
  private async accept(lost: Head): Promise<void> {
    const mark = await this.read();
    if (mark.size !== lost.size || !equalBytes(mark.root, lost.root)) return;
    const head = await withTenant(this.dataSource, '*', async (manager) => {
      const now = await this.log.head(manager);
      if (now.size >= mark.size && (await this.hasRoot(manager, mark))) return undefined;
      const fields = { lostSize: mark.size, lostRoot: toHex(mark.root), size: now.size, root: toHex(now.root) };
      await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'log.broken', timeMs: this.clock.nowMs(), fields, facts: null }));
      return now;
    });
    if (head === undefined) return;
    this.outbox.kick();
    if (await this.write(head, mark.revision)) this.logger.warn(`gave up the head of ${mark.size} entries; the log goes on from ${head.size}`);
  }

  private async read(): Promise<Mark> {
    const entry = await this.within((bucket) => bucket.get(key));
    if (entry?.operation !== 'PUT') return { size: 0, root: new Uint8Array(32), revision: 0 };
    const { size, root } = marked.parse(entry.json());
    return { size, root: fromHex(root), revision: entry.revision };
  }

  /** Whether it was still of that revision. */
  private async write({ size, root }: Head, revision: number): Promise<boolean> {
    const value = JSON.stringify({ size, root: toHex(root) });
    return this.within(async (bucket) => {
      try {
        await (revision === 0 ? bucket.create(key, value) : bucket.update(key, value, revision));
        return true;
      } catch (error) {
        if (((await bucket.get(key))?.revision ?? 0) !== revision) return false;
        throw error;
      }
    });
  }

  private async within<T>(work: (bucket: KV) => Promise<T>): Promise<T> {
    try {
      this.bucket ??= await new Kvm(this.bus.jetstream).open(bucketName);
      return await work(this.bucket);
    } catch (cause) {
      throw failure('SERVICE_UNAVAILABLE', `which head of the log was signed last cannot be read or noted: ${(cause as Error).message}`, {}, cause);
    }
  }
}
