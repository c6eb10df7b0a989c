import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { logRecord, type LogRecord } from '#protocol';

/** A record that cannot be an entry, and why. */
export interface Rejection {
  readonly record: LogRecord;
  readonly reason: string;
}

/** Records that are not what they claim: kept whole, outside the log, for whoever looks into it. */
@Injectable()
export class RejectionStore {
  /** Idempotent: a redelivered record is kept once. */
  async keep(manager: EntityManager, rejections: readonly Rejection[]): Promise<void> {
    for (const { record, reason } of rejections) {
      await manager.query(
        'INSERT INTO governance.log_rejections (id, type, tenant, reason, record) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
        [record.id, record.type, record.tenant, reason, JSON.stringify(z.encode(logRecord, record))],
      );
    }
  }
}
