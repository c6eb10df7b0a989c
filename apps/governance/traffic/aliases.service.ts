import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { aliasReplica, governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { AliasStore } from './aliases.store.js';

type Calls = typeof governanceCalls;

/** An organisation's own names for models. What one stands for is decided under policy like any other model. */
@Injectable()
export class Aliases {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: AliasStore,
    private readonly organisations: OrganisationStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Replaces all of an organisation's aliases. Error: `NOT_FOUND`. */
  async put({ actor, tenant, aliases }: RequestOf<Calls['putAliases']>): Promise<ReplyOf<Calls['putAliases']>> {
    const entry = { tenant, aliases, changedAtMs: this.clock.nowMs() };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      await this.store.put(manager, entry);
      await this.outbox.replica(manager, aliasReplica, tenant, entry);
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'aliases.changed', fields: { actor, aliases } });
    });
    this.outbox.kick();
    return { data: aliases };
  }

  async list({ tenant }: RequestOf<Calls['listAliases']>): Promise<ReplyOf<Calls['listAliases']>> {
    return { data: (await withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, tenant)))?.aliases ?? [] };
  }
}
