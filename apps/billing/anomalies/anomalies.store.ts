import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Anomaly } from './anomaly.js';

/** Findings of the books, once per kind and subject, for people to look at. */
@Injectable()
export class AnomaliesStore {
  private readonly logger = new Logger(AnomaliesStore.name);

  async add(manager: EntityManager, anomalies: readonly Anomaly[]): Promise<void> {
    if (anomalies.length === 0) return;
    const fresh = await manager.query<{ kind: string; subject: string }[]>(
      `INSERT INTO billing.anomalies (kind, subject, tenant, detail)
       SELECT kind, subject, tenant, detail FROM jsonb_to_recordset($1::jsonb) AS a(kind text, subject text, tenant text, detail jsonb)
       ORDER BY kind, subject ON CONFLICT (kind, subject) DO NOTHING RETURNING kind, subject`,
      [JSON.stringify(anomalies)],
    );
    for (const { kind, subject } of fresh) this.logger.warn({ message: 'found while booking', kind, subject });
  }

  async list(manager: EntityManager): Promise<Anomaly[]> {
    return manager.query<Anomaly[]>('SELECT kind, subject, tenant, detail FROM billing.anomalies ORDER BY seen_at, kind, subject');
  }
}
