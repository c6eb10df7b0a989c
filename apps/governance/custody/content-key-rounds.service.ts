import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { PeriodicTask, withTenant } from '#service';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import { ContentKeys } from './content-keys.service.js';

/** One question to the database when there is nothing to do. */
const roundMs = 60_000;

/** Organisations from before there were content keys get one; whose KMS is away, in a later round. */
@Injectable()
export class ContentKeyRounds extends PeriodicTask {
  private readonly logger = new Logger(ContentKeyRounds.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly sealingKeys: SealingKeyStore,
    private readonly contentKeys: ContentKeys,
  ) {
    super(roundMs);
  }

  async runOnce(): Promise<void> {
    for (const tenant of await withTenant(this.dataSource, '*', (manager) => this.sealingKeys.withoutContentKey(manager))) {
      if (this.isStopping) return;
      await this.contentKeys.makeFirst(tenant).catch((error: unknown) => this.logger.warn({ message: `no content key is made, and contents stay under the scheduler's own key: ${error instanceof Error ? error.message : String(error)}`, tenant }));
    }
  }
}
