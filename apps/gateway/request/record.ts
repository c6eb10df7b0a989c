import type { Clock, Ids } from '#kernel';
import { countIntervalMs, failure, limits } from '#protocol';
import type { LogRecord } from '#protocol';
import type { DecisionCounter } from './decision-counter.js';
import { GroupCommit } from './group-commit.js';
import type { CommitLog } from './group-commit.js';

/** Records whose fate the caller no longer waits for: 4,096 × about 4 KiB. Beyond it they are left to billing, which closes open admissions. */
const owedMax = 4_096;
const owedRetryMs = 1_000;

/** Step 8: durable facts. A record counts when the stream has acknowledged the commit that it travelled in. */
export class Recorder {
  private readonly commits: GroupCommit;
  private readonly owed = new Map<LogRecord, number>();
  private timer: NodeJS.Timeout | undefined;
  private counting: NodeJS.Timeout | undefined;
  private underWay: Promise<void> | undefined;

  constructor(
    private readonly log: CommitLog,
    ids: Ids,
    private readonly clock: Clock,
    private readonly decisions: DecisionCounter,
  ) {
    this.commits = new GroupCommit(log, ids);
  }

  /** Refuses work that could not be recorded. Error: RECORD_UNAVAILABLE, with `isBegun` false: nothing was sent. */
  assertAvailable(): void {
    if (!this.log.isAvailable()) throw unavailable(undefined, { isBegun: false });
  }

  /** Resolves when the record is durable. Error: RECORD_UNAVAILABLE; the record may have arrived all the same. */
  async commit(record: LogRecord): Promise<void> {
    try {
      await this.commits.add(record);
      this.decisions.confirm(record);
    } catch (error) {
      this.decisions.giveUp(record);
      throw unavailable(error);
    }
  }

  /**
   * Writes a record as soon as the stream is there again, until half of billing's grace after the deadline: what is later is ended
   * by billing, and only by it. Duplicates are harmless: a record's identity is its id and type.
   */
  commitEventually(record: LogRecord, deadlineMs: number): void {
    if (this.owed.size >= owedMax) return;
    this.owed.set(record, deadlineMs + limits.admissionGraceMs / 2);
    this.timer ??= setTimeout(() => void this.pay(), owedRetryMs);
  }

  /** From now on what was decided is counted in the log. */
  start(): void {
    this.counting = setInterval(() => void this.count(), countIntervalMs);
    this.counting.unref();
  }

  /** One last try at what is owed, and the last count. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    clearInterval(this.counting);
    await this.underWay;
    if (!this.log.isAvailable()) return;
    await this.payAll();
    await this.count(true);
  }

  /** What does not get through now is sent by the next count; while one is under way there is no other. */
  private count(final = false): Promise<void> {
    if (!this.log.isAvailable()) return Promise.resolve();
    return (this.underWay ??= this.decisions
      .count((record) => this.commits.add(record), final)
      .catch(() => undefined)
      .finally(() => (this.underWay = undefined)));
  }

  private async pay(): Promise<void> {
    if (this.log.isAvailable()) await this.payAll();
    this.timer = this.owed.size > 0 ? setTimeout(() => void this.pay(), owedRetryMs) : undefined;
  }

  private async payAll(): Promise<void> {
    const nowMs = this.clock.nowMs();
    for (const [record, untilMs] of this.owed) if (untilMs <= nowMs) this.owed.delete(record);
    const batch = [...this.owed.keys()].slice(0, limits.recordsPerCommit * 4);
    await Promise.allSettled(batch.map((record) => this.commits.add(record).then(() => (this.decisions.confirm(record), this.owed.delete(record)))));
  }
}

const unavailable = (cause?: unknown, details: Record<string, unknown> = {}) => failure('RECORD_UNAVAILABLE', 'the request cannot be recorded now, and nothing runs unrecorded; try again shortly', details, cause);
