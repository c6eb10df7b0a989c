import { Injectable } from '@nestjs/common';
import { Counter, register } from 'prom-client';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { sha256 } from '#merkle';
import { logRecord, type LogRecord } from '#protocol';

/** Something that came as a record and is no entry, and why. `raw`: not understood by this version, which a later one may be. */
export type Rejection =
  | { readonly kind: 'envelope' | 'publisher' | 'other-bytes'; readonly record: LogRecord; readonly subject?: string; readonly reason: string }
  | { readonly kind: 'unread'; readonly raw: Uint8Array; readonly subject: string; readonly reason: string };

/** What was not understood and waits for a version that does. */
export interface Waiting {
  readonly digest: Buffer;
  readonly raw: Buffer;
  readonly subject: string;
}

const counterOptions = { name: 'mizan_log_rejections_total', help: 'What came as a record, is no entry of the log, and was kept beside it', labelNames: ['kind'] as const };
const counter = (): Counter<'kind'> => (register.getSingleMetric(counterOptions.name) as Counter<'kind'> | undefined) ?? new Counter(counterOptions);

/** What came as a record and is none: kept whole, outside the log, for whoever looks into it. Every method runs in the caller's transaction. */
@Injectable()
export class RejectionStore {
  private readonly kept = counter();

  /** Idempotent: the same bytes are kept once. */
  async keep(manager: EntityManager, rejections: readonly Rejection[]): Promise<void> {
    for (const rejection of rejections) {
      const record = rejection.kind === 'unread' ? null : rejection.record;
      const json = record && JSON.stringify(z.encode(logRecord, record));
      const raw = rejection.kind === 'unread' ? Buffer.from(rejection.raw) : null;
      const added = await manager.query<unknown[]>(
        `INSERT INTO governance.log_rejections (digest, kind, id, type, tenant, subject, reason, record, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING 1`,
        [Buffer.from(sha256(raw ?? Buffer.from(json!))), rejection.kind, record?.id, record?.type, record?.tenant, rejection.subject, rejection.reason.replaceAll('\0', ''), json, raw],
      );
      if (added.length > 0) this.kept.inc({ kind: rejection.kind });
    }
  }

  /** Some that wait, by digest, after one of them. */
  async waiting(manager: EntityManager, after: Buffer, limit: number): Promise<Waiting[]> {
    return manager.query<Waiting[]>('SELECT digest, raw, subject FROM governance.log_rejections WHERE raw IS NOT NULL AND taken_at IS NULL AND digest > $1 ORDER BY digest LIMIT $2', [after, limit]);
  }

  /** Notes that all of it is in the log, or rejected for another reason. */
  async take(manager: EntityManager, { digest }: Pick<Waiting, 'digest'>): Promise<void> {
    await manager.query('UPDATE governance.log_rejections SET taken_at = now() WHERE digest = $1', [digest]);
  }
}
