import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ChangeRecords } from '../changes/change-records.service.js';
import { showForeignUse } from './foreign-use-metrics.js';
import type { OutboxTransaction } from './transaction.js';
import type { Sender } from './transaction.store.js';

/** Somebody else sends with the relayer's key, by mistake or because it was stolen: log, metrics and the operator are told. */
@Injectable()
export class ForeignUse {
  private readonly logger = new Logger(ForeignUse.name);

  constructor(private readonly changes: ChangeRecords) {}

  /** In the transaction that gives the nonce up. */
  async note(manager: EntityManager, { id, purpose, nonce }: OutboxTransaction, { chainId, sender }: Sender): Promise<void> {
    this.logger.error(`nonce ${nonce} of ${sender} was used by a transaction that is not ours: the relayer's key is in use elsewhere; if that is nobody of yours, replace it`);
    showForeignUse();
    await this.changes.ofDeployment(manager, 'relayer.foreign-use', id, { relayer: sender, chainId: chainId.toString(), nonce: Number(nonce), purpose });
  }
}
