import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import type { erasureEvents, PayloadOf } from '#protocol';
import { withTenant } from '#service';
import { Batches } from '../batches/batches.service.js';
import { FileStore } from '../files/files.store.js';
import { Repeated } from '../repeated.js';
import { StoredResponseStore } from '../responses/stored-responses.store.js';
import { TenantLog } from '../tenant-log.js';
import { PersonErasureStore, type PersonErasure } from './person-erasures.store.js';

/** How soon it is looked whether a batch that an erasure stopped has ended. */
const everyMs = 5_000;

/**
 * Carries an erasure of a person to what is stored here: responses that are about them, and files that batches about them read and wrote. A batch that
 * still runs is stopped first. When all of it is gone, the log has an entry that says how much it was.
 */
@Injectable()
export class PersonErasures implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly turns = new Repeated(PersonErasures.name, everyMs, () => this.round());

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(TenantLog) private readonly log: TenantLog,
    @Inject(PersonErasureStore) private readonly store: PersonErasureStore,
    @Inject(StoredResponseStore) private readonly responses: StoredResponseStore,
    @Inject(FileStore) private readonly files: FileStore,
    @Inject(Batches) private readonly batches: Batches,
  ) {}

  onApplicationBootstrap(): void {
    this.turns.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.turns.stop();
  }

  /** Stored responses go at once, with the keys that open them; the same erasure again does nothing. */
  async take({ erasure, tenant, person, erasedAtMs }: PayloadOf<typeof erasureEvents.personErased>): Promise<void> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.lock(manager, tenant, [person]);
      const responses = await this.responses.countPerson(manager, tenant, person);
      const takenAtMs = this.clock.nowMs();
      if (await this.store.insert(manager, { erasure, tenant, person, erasedAtMs, takenAtMs, responses })) await this.responses.removePerson(manager, tenant, person, takenAtMs);
    });
    this.turns.wake();
  }

  /** Goes on with what is not done. What keeps one of them keeps no other; it is told, and tried again by the next round. */
  async round(): Promise<void> {
    let failed: unknown;
    for (let after: string | null = null; ; ) {
      let looked = undefined as PersonErasure | undefined;
      try {
        await withTenant(this.dataSource, '*', async (manager) => {
          looked = await this.store.next(manager, after);
          if (looked) await this.goOn(manager, looked);
        });
      } catch (error) {
        failed ??= error;
      }
      if (looked === undefined) break;
      after = looked.erasure;
    }
    this.outbox.kick();
    if (failed !== undefined) throw failed as Error;
  }

  private async goOn(manager: EntityManager, erasure: PersonErasure): Promise<void> {
    const open = await this.store.openBatches(manager, erasure);
    for (const id of open) await this.batches.stop(manager, id);
    const files = await this.store.files(manager, erasure);
    const free = files.filter(({ isRead }) => !isRead).map(({ id }) => id);
    await this.files.remove(manager, free);
    const isDone = open.length === 0 && free.length === files.length;
    const nowMs = this.clock.nowMs();
    await this.store.found(manager, erasure.erasure, free.length, isDone ? nowMs : null);
    if (isDone) await this.log.record(manager, erasure.tenant, { type: 'erasure.reached', timeMs: nowMs, fields: { erasure: erasure.erasure, person: erasure.person, responses: erasure.responses, files: erasure.files + free.length } });
  }
}
