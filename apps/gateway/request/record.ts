import type { Clock, Ids } from '#kernel';
import { failure, limits } from '#protocol';
import type { LogRecord } from '#protocol';
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

  constructor(
    private readonly log: CommitLog,
    ids: Ids,
    private readonly clock: Clock,
  ) {
    this.commits = new GroupCommit(log, ids);
  }

  /** Refuses work that could not be recorded. Error: RECORD_UNAVAILABLE. */
  assertAvailable(): void {
    if (!this.log.isAvailable()) throw unavailable();
  }

  /** Resolves when the record is durable. Error: RECORD_UNAVAILABLE; the record may have arrived all the same. */
  async commit(record: LogRecord): Promise<void> {
    try {
      await this.commits.add(record);
    } catch (error) {
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

  /** One last try at what is owed. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    if (this.log.isAvailable()) await this.payAll();
  }

  private async pay(): Promise<void> {
    if (this.log.isAvailable()) await this.payAll();
    this.timer = this.owed.size > 0 ? setTimeout(() => void this.pay(), owedRetryMs) : undefined;
  }

  private async payAll(): Promise<void> {
    const nowMs = this.clock.nowMs();
    for (const [record, untilMs] of this.owed) if (untilMs <= nowMs) this.owed.delete(record);
    const batch = [...this.owed.keys()].slice(0, limits.recordsPerCommit * 4);
    await Promise.allSettled(batch.map((record) => this.commits.add(record).then(() => this.owed.delete(record))));
  }
}

const unavailable = (cause?: unknown) => failure('RECORD_UNAVAILABLE', 'the request cannot be recorded now, and nothing runs unrecorded; try again shortly', {}, cause);
