import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, governanceCalls, limitReplica, trafficLimits, type LimitSetting, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { KeyStore } from '../keys/keys.store.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { LimitStore } from './limits.store.js';

type Calls = typeof governanceCalls;
type PutLimits = RequestOf<Calls['putLimits']>;

/** What organisations, projects and keys may ask for. Gateways enforce it. */
@Injectable()
export class Limits {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: LimitStore,
    private readonly organisations: OrganisationStore,
    private readonly keys: KeyStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Replaces the limits of one subject; in force as soon as gateways have them. Errors: `NOT_FOUND`, `REQUEST_INVALID`. */
  async put({ actor, tenant, scope, subject, limits }: PutLimits): Promise<LimitSetting> {
    const ofProjects = (['cacheSeconds', 'semanticCache', 'hedge', 'responseSeconds'] as const).find((name) => limits[name] !== null);
    if (ofProjects !== undefined && scope !== 'project') throw failure('REQUEST_INVALID', `${ofProjects} is set for projects only`, { param: ofProjects });
    const setting = { ...limits, tenant, scope, subject, changedAtMs: this.clock.nowMs() };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      if (!(await this.exists(manager, tenant, scope, subject))) throw failure('NOT_FOUND', `the organisation has no such ${scope}`);
      await this.store.put(manager, setting);
      await this.outbox.replica(manager, limitReplica, subject, setting);
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'limits.changed', fields: { actor, scope, subject, limits: z.encode(trafficLimits, limits) } });
    });
    this.outbox.kick();
    return setting;
  }

  async list({ tenant }: RequestOf<Calls['listLimits']>): Promise<ReplyOf<Calls['listLimits']>> {
    return { data: await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant)) };
  }

  private async exists(manager: EntityManager, tenant: string, scope: PutLimits['scope'], subject: string): Promise<boolean> {
    switch (scope) {
      case 'organisation':
        return subject === tenant;
      case 'project':
        return (await this.organisations.projects(manager, tenant)).some(({ id }) => id === subject);
      case 'key':
        return (await this.keys.find(manager, subject))?.tenant === tenant;
    }
  }
}
