import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { readAgain, type LogRecord } from '#protocol';
import { withTenant } from '#service';
import { sortOut } from './records.consumer.js';
import { RejectionStore, type Rejection, type Waiting } from './rejections.store.js';
import { Sequencer } from './sequencer.service.js';

const atOnce = 100;

/** Takes into the log, at the start, what an older version did not understand and this one does. */
@Injectable()
export class UnreadRecords implements OnApplicationBootstrap {
  private readonly logger = new Logger(UnreadRecords.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly rejections: RejectionStore,
    private readonly sequencer: Sequencer,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    try {
      const { taken, left } = await this.takeAll();
      if (taken > 0) this.logger.warn(`took ${taken} messages into the log that an older version had not understood`);
      if (left > 0) this.logger.error(`${left} messages that came as records are not understood and wait in governance.log_rejections for a version that does`);
    } catch (error) {
      this.logger.error(`what was not understood before stays beside the log until the next start: ${(error as Error).message}`);
    }
  }

  /** Error: `DATABASE_UNAVAILABLE`. Idempotent: a record has one entry, however often it is taken. */
  async takeAll(): Promise<{ taken: number; left: number }> {
    let [taken, left] = [0, 0];
    let after: Buffer = Buffer.alloc(0);
    for (;;) {
      const some = await withTenant(this.dataSource, '*', (manager) => this.rejections.waiting(manager, after, atOnce));
      if (some.length === 0) return { taken, left };
      for (const waiting of some) {
        if (await this.take(waiting)) taken += 1;
        else left += 1;
      }
      after = some.at(-1)!.digest;
    }
  }

  private async take(waiting: Waiting): Promise<boolean> {
    const read = readAgain(waiting.raw);
    const records: LogRecord[] = [];
    const rejected: Rejection[] = [];
    sortOut(read, waiting.subject, records, rejected);
    if (records.length > 0 || rejected.length > 0) await this.sequencer.append(records, rejected);
    if (read.records.length === 0) return false;
    await withTenant(this.dataSource, '*', (manager) => this.rejections.take(manager, waiting));
    return true;
  }
}
