import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Ids } from '#kernel';
import { Outbox, Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { failure, Sealer, sealRecord, tenantReplica } from '#protocol';
import type { RecordDraft, RecordType, TenantEntry } from '#protocol';

/** Entries of the log about what happened to an organisation's stored contents, sealed for it. */
@Injectable()
export class TenantLog {
  private tenants: Promise<ReplicaView<TenantEntry>> | undefined;

  constructor(
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Replicas) private readonly replicas: Replicas,
  ) {}

  /** Error: `STARTING` while the organisation is not known here; the next turn finds it, or the one after. */
  async record(manager: EntityManager, tenant: string, { type, timeMs, fields }: { type: RecordType; timeMs: number; fields: RecordDraft['fields'] }): Promise<void> {
    const entry = (await (this.tenants ??= this.replicas.view(tenantReplica))).get(tenant);
    if (entry === undefined) throw failure('STARTING', `the organisation ${tenant} is not known here yet`);
    const draft = { id: this.ids.uuid(), type, timeMs, fields, facts: null };
    await this.outbox.record(manager, sealRecord(draft, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId)));
  }
}
