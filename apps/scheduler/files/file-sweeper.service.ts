import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { SealedObjects } from '#objects';
import { withTenant } from '#service';
import { Repeated } from '../repeated.js';
import { uploadMsMax } from './file.js';
import { FileStore } from './files.store.js';

const everyMs = 5_000;
/** Objects removed in one transaction. */
const atOnceMax = 50;

/** Hides files at their time and removes the content of those that are gone. The row goes last: a crash in between is made good. */
@Injectable()
export class FileSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly turns = new Repeated(FileSweeper.name, everyMs, () => this.sweep());

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(FileStore) private readonly files: FileStore,
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
    await withTenant(this.dataSource, '*', (manager) => this.files.expire(manager, nowMs, nowMs - uploadMsMax));
    for (let removed = atOnceMax; removed === atOnceMax; ) {
      removed = await withTenant(this.dataSource, '*', async (manager) => {
        const leaving = await this.files.leaving(manager, atOnceMax);
        for (const key of leaving) await this.objects.delete(key);
        await this.files.forget(manager, leaving.map(({ id }) => id));
        return leaving.length;
      });
    }
  }
}
