import { createHash } from 'node:crypto';
import type { Clock, Ids } from '#kernel';
import { leafHash, sha256 } from '#merkle';
import { decisionsPerCountMax, idleCountMs, operatorRecord, packRecords } from '#protocol';
import type { DecisionCount, DecisionNumber, LogRecord } from '#protocol';

/** What has a number and was neither acknowledged nor given up for so long never will be: sealing and two sends take seconds. */
const lostMs = 30_000;

interface Numbered {
  readonly record: string;
  readonly takenMs: number;
  /** Hash of the acknowledged record; null: it may or may not have arrived. */
  leaf?: Uint8Array | null;
}

/**
 * Numbers this process's decisions without gaps, and says in entries of the log which records have which numbers. Whoever has the log
 * can tell that one of them is missing.
 */
export class DecisionCounter {
  private readonly run: string;
  /** Those not counted yet, in the order of their numbers. */
  private readonly taken: Numbered[] = [];
  private countedTo = 0;
  /** Made and not acknowledged yet: sent again as it is, since it may have arrived. */
  private due: LogRecord | undefined;
  private countedMs: number;
  private hasEnded = false;

  constructor(
    private readonly gateway: string,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {
    this.run = ids.uuid();
    this.countedMs = clock.nowMs();
  }

  /** The next number, for a record that is about to be sealed. One that `mayBeRecorded` already is never confirmed: the log keeps the first of that id. */
  take(record: string, mayBeRecorded = false): DecisionNumber {
    this.taken.push({ record, takenMs: this.clock.nowMs(), ...(mayBeRecorded && { leaf: null }) });
    return { gateway: this.gateway, run: this.run, number: this.countedTo + this.taken.length };
  }

  /** The stream has acknowledged it. */
  confirm(record: LogRecord): void {
    const numbered = this.numbered(record);
    if (numbered && numbered.leaf !== null) numbered.leaf = leafHash(sha256, Buffer.from(record.envelope, 'base64'));
  }

  /** It is not known whether it has arrived. */
  giveUp(record: LogRecord): void {
    const numbered = this.numbered(record);
    if (numbered) numbered.leaf ??= null;
  }

  /**
   * Sends what is to be counted, as many entries as it takes. `final` once no more is decided. Rejects as `commit` does: what was not acknowledged
   * is sent by the next call.
   */
  async count(commit: (record: LogRecord) => Promise<void>, final = false): Promise<void> {
    while ((this.due ??= this.nextCount(final))) {
      await commit(this.due);
      this.due = undefined;
      this.countedMs = this.clock.nowMs();
    }
  }

  private nextCount(final: boolean): LogRecord | undefined {
    const ready = this.ready(final);
    const isIdle = this.countedTo > 0 && this.taken.length === 0 && this.clock.nowMs() - this.countedMs >= idleCountMs;
    const isLast = final && ready.length === this.taken.length;
    if (this.hasEnded || (ready.length === 0 && !isIdle && !(isLast && this.countedTo > 0))) return undefined;
    this.hasEnded = isLast;
    this.taken.splice(0, ready.length);
    const from = this.countedTo + 1;
    this.countedTo += ready.length;
    const leaves = createHash('sha256');
    for (const { leaf } of ready) if (leaf) leaves.update(leaf);
    const fields: DecisionCount = {
      gateway: this.gateway,
      run: this.run,
      from,
      to: this.countedTo,
      records: packRecords(ready.map(({ record }) => record)),
      unconfirmed: ready.flatMap(({ leaf }, at) => (leaf ? [] : [from + at])),
      leaves: leaves.digest('hex'),
      final: isLast,
    };
    return operatorRecord({ id: this.ids.uuid(), type: 'decisions.counted', timeMs: this.clock.nowMs(), fields, facts: null });
  }

  /** Up to the first of which the outcome is still open. */
  private ready(final: boolean): Numbered[] {
    const lostBeforeMs = this.clock.nowMs() - lostMs;
    const open = this.taken.findIndex(({ leaf, takenMs }) => leaf === undefined && takenMs > lostBeforeMs && !final);
    return this.taken.slice(0, Math.min(open < 0 ? this.taken.length : open, decisionsPerCountMax));
  }

  private numbered({ decision }: LogRecord): Numbered | undefined {
    return decision?.run === this.run ? this.taken[decision.number - this.countedTo - 1] : undefined;
  }
}
