import { setTimeout } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { withTenant } from '#service';
import { SearchQueueStore } from './search-queue.store.js';

/** What another process has logged, or one that died, is looked for this often. */
const lookAgainMs = 1_000;

/** So far apart moves begin: under load one of many batches costs little more than one of each. */
const restMs = 200;

/** Makes logged entries findable, behind the log and never in its way. */
@Injectable()
export class SearchIndexer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SearchIndexer.name);
  private moving: Promise<void> | undefined;
  private isDue = false;
  private timer: NodeJS.Timeout | undefined;
  private movedAtMs = -Infinity;

  constructor(
    private readonly dataSource: DataSource,
    private readonly queue: SearchQueueStore,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.wake(), lookAgainMs);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.moving;
  }

  /** There is something to do. */
  wake(): void {
    this.isDue = true;
    if (this.timer !== undefined) this.moving ??= this.moveAll().finally(() => (this.moving = undefined));
  }

  /** Resolves when nothing is left to be moved. Error: `DATABASE_UNAVAILABLE`. */
  async drain(): Promise<void> {
    while ((await withTenant(this.dataSource, '*', (manager) => this.queue.move(manager))) > 0);
  }

  /** Lets batches gather for so long, if that is longer than nothing. */
  protected async rest(ms: number): Promise<void> {
    if (ms > 0) await setTimeout(ms);
  }

  private async moveAll(): Promise<void> {
    try {
      while (this.isDue) {
        await this.rest(this.movedAtMs + restMs - performance.now());
        this.isDue = false;
        this.movedAtMs = performance.now();
        await this.drain();
      }
    } catch (error) {
      this.logger.warn(`entries are not findable yet: ${(error as Error).message}`);
    }
  }
}
