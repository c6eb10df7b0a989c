import { Injectable } from '@nestjs/common';
import { Clock } from '#kernel';
import { Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { operatorRecord, Sealer, sealRecord, tenantReplica } from '#protocol';
import type { LogRecord, RecordDraft, TenantEntry } from '#protocol';

/** Makes records for the log, sealed for the organisation that they are of. */
@Injectable()
export class LogRecords {
  private view: Promise<ReplicaView<TenantEntry>> | undefined;

  constructor(
    private readonly replicas: Replicas,
    private readonly clock: Clock,
  ) {}

  /** Of the deployment itself (`tenant` null) it is open; so it is of an organisation that governance does not publish (any more), which nothing could be sealed to. */
  async of(tenant: string | null, entry: Pick<RecordDraft, 'id' | 'type' | 'fields'>): Promise<LogRecord> {
    const draft = { ...entry, timeMs: this.clock.nowMs(), facts: null };
    const known = tenant === null ? undefined : (await (this.view ??= this.replicas.view(tenantReplica))).get(tenant);
    if (!known) return operatorRecord(draft);
    return sealRecord(draft, known, new Sealer(Buffer.from(known.sealKey, 'base64'), known.sealKeyId));
  }
}
