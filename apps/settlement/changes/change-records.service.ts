import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Outbox, Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { tenantReplica } from '#protocol';
import type { RecordDraft, RecordType, TenantEntry } from '#protocol';
import { LogRecords } from '../records/log-records.service.js';

/** Log entries of what people and screenings decide about payouts. */
@Injectable()
export class ChangeRecords {
  private opened: Promise<ReplicaView<TenantEntry>> | undefined;

  constructor(
    private readonly replicas: Replicas,
    private readonly records: LogRecords,
    private readonly outbox: Outbox,
  ) {}

  /** The organisations that governance publishes. */
  tenants(): Promise<ReplicaView<TenantEntry>> {
    return (this.opened ??= this.replicas.view(tenantReplica));
  }

  /** A change of the deployment itself: its fields are public. In the caller's transaction. */
  async ofDeployment(manager: EntityManager, type: RecordType, id: string, fields: RecordDraft['fields']): Promise<void> {
    await this.outbox.record(manager, await this.records.of(null, { id, type, fields }));
  }

  /** A change of one organisation, sealed for it; of one that governance does not publish (any more) only that it happened is said. */
  async of(manager: EntityManager, tenant: string, type: RecordType, id: string, fields: RecordDraft['fields']): Promise<void> {
    if (!(await this.tenants()).get(tenant)) return this.ofDeployment(manager, type, id, {});
    await this.outbox.record(manager, await this.records.of(tenant, { id, type, fields }));
  }
}
