import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { SealedObjects } from '#objects';
import { withTenant } from '#service';
import { Repeated } from '../repeated.js';
import { StoredResponseStore } from './stored-responses.store.js';

const everyMs = 5_000;
/** Objects removed in one transaction. */
const atOnceMax = 50;
/** Content that does not arrive within this time after it was announced does not come any more: a gateway sends it at once. */
const arrivalMsMax = 10 * 60_000;

/** Forgets responses at the end of their time. The row goes last: a crash in between is made good. */
@Injectable()
export class ResponseSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly turns = new Repeated(ResponseSweeper.name, everyMs, () => this.sweep());

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(StoredResponseStore) private readonly responses: StoredResponseStore,
    @Inject(SealedObjects) private readonly objects: SealedObjects,
  ) {}

  onApplicationBootstrap(): void {
    this.turns.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.turns.stop();
  }

  async sweep(): Promise<void> {
    const nowMs = this.clock.nowMs();
    await withTenant(this.dataSource, '*', (manager) => this.responses.expire(manager, nowMs, nowMs - arrivalMsMax));
    for (let removed = atOnceMax; removed === atOnceMax; ) {
      removed = await withTenant(this.dataSource, '*', async (manager) => {
        const leaving = await this.responses.leaving(manager, atOnceMax);
        for (const key of leaving) await this.objects.delete(key);
        await this.responses.forget(manager, leaving.map(({ id }) => id));
        return leaving.length;
      });
    }
  }
}
