import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Gauge, register } from 'prom-client';
import { DataSource, type EntityManager } from 'typeorm';
import { AssertionError, Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { equalBytes, RightEdge, sha256, signCheckpoint, toHex } from '#merkle';
import { failure, operatorRecord } from '#protocol';
import { Readiness, withTenant } from '#service';
import { LogStore, type Head } from '../audit/log.store.js';
import { TileStore } from '../audit/tiles.store.js';
import { Secrets } from '../secrets.js';
import { HeadMark, type Mark } from './head-mark.service.js';
import { LogKeys } from './log-keys.service.js';

const gaugeOptions = { name: 'mizan_log_history_broken', help: '1 while the log does not hold the highest head that was signed of it, and signs nothing' };

/**
 * Signs heads of the log, none that contradicts another. The highest is kept in JetStream, apart from the database: one that was restored from a
 * backup is found out before it signs a second history.
 */
@Injectable()
export class HighestHead implements OnApplicationBootstrap {
  private readonly logger = new Logger(HighestHead.name);
  private readonly gauge = (register.getSingleMetric(gaugeOptions.name) as Gauge | undefined) ?? new Gauge(gaugeOptions);
  /** The last one that was found to be of this log. */
  private known: Head | undefined;
  private broken: string | undefined;
  private settling: Promise<void> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly tiles: TileStore,
    private readonly marks: HeadMark,
    private readonly keys: LogKeys,
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
      await this.raiseNow();
    } catch (error) {
      this.logger.error(`no head of the log was compared with what was signed before: ${(error as Error).message}`);
    }
  }

  /** The head of now, signed. Errors: as {@link sign}. */
  async signed(): Promise<{ size: number; note: string }> {
    await this.settle();
    return withTenant(this.dataSource, '*', async (manager) => {
      const head = await this.log.head(manager);
      return { size: head.size, note: await this.sign(manager, head) };
    });
  }

  /**
   * To be asked before a transaction that signs: a change of key is entered in a transaction of its own, and calls that each waited for one within another would wait for each other. One at a time
   * does it for all. Errors: as {@link sign}.
   */
  async settle(): Promise<void> {
    if (!this.keys.owesNote) return;
    this.settling ??= this.raiseNow().finally(() => (this.settling = undefined));
    await this.settling;
  }

  private raiseNow(): Promise<void> {
    return withTenant(this.dataSource, '*', async (manager) => this.raise(manager, await this.log.head(manager)));
  }

  /** After {@link settle}: a committed head as a signed note, after it was noted as the highest. Errors: `SERVICE_UNAVAILABLE` when what was signed before cannot be read, the log does not continue it, or it was under another key that this one may not follow. */
  async sign(manager: EntityManager, head: Head): Promise<string> {
    if (this.known?.size !== head.size || !equalBytes(this.known.root, head.root)) await this.raise(manager, head);
    return signCheckpoint({ origin: this.secrets.logSigner.key.name, size: head.size, root: head.root }, this.secrets.logSigner);
  }

  /** Under another key than the last the mark keeps its size: that is what the former key may have signed. */
  private async raise(manager: EntityManager, head: Head): Promise<void> {
    for (;;) {
      const mark = await this.marks.read();
      await this.requireHeld(manager, mark, head);
      const isMarked = mark.revision > 0;
      const last = mark.key ?? (await this.keys.lastLogged(manager, isMarked));
      await this.keys.requireMayFollow(last, manager);
      const isRaised = isMarked && mark.size >= head.size;
      const base = isMarked ? mark : head;
      if (last === this.keys.now) await this.keys.note(base);
      if (isRaised && mark.key === this.keys.now) return;
      const next = isRaised || last !== this.keys.now ? base : head;
      if ((await this.marks.write(next, this.keys.now, mark.revision)) && last === this.keys.now && next === head) {
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
    const mark = await this.marks.read();
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
    if (await this.marks.write(head, mark.key ?? this.keys.now, mark.revision)) this.logger.warn(`gave up the head of ${mark.size} entries; the log goes on from ${head.size}`);
  }
}
