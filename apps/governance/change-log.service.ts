import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { Sealer, sealRecord, tenantReplica, type RecordFields, type RecordType, type TenantEntry } from '#protocol';
import { OrganisationStore } from './organisations/organisations.store.js';

/** A change of an organisation as the audit log is to have it. */
export interface Change {
  readonly id: string;
  readonly type: RecordType;
  readonly fields: RecordFields;
}

/** What a change tells the outside, written into the change's own transaction. */
@Injectable()
export class ChangeLog {
  constructor(
    private readonly outbox: Outbox,
    private readonly organisations: OrganisationStore,
    private readonly clock: Clock,
  ) {}

  /** The log entry of a change, sealed to its organisation. */
  async record(manager: EntityManager, tenant: string, change: Change): Promise<void> {
    const entry = await this.organisations.replica(manager, tenant);
    const sealer = new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId);
    await this.outbox.record(manager, sealRecord({ ...change, timeMs: this.clock.nowMs(), facts: null }, { tenant, pseudonym: entry.pseudonym }, sealer));
  }

  /** The organisation as gateways are to know it from now on. */
  async publishTenant(manager: EntityManager, tenant: string): Promise<TenantEntry> {
    const entry = await this.organisations.replica(manager, tenant);
    await this.outbox.replica(manager, tenantReplica, tenant, entry);
    return entry;
  }
}
