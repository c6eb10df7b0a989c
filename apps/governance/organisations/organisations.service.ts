import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { newPseudonym, type Organisation, type Project } from './organisation.js';
import { OrganisationStore } from './organisations.store.js';
import { SealingKeyStore } from './sealing-keys.store.js';

type Calls = typeof governanceCalls;

@Injectable()
export class Organisations {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: OrganisationStore,
    private readonly sealingKeys: SealingKeyStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Error: `CONFLICT` when the name is taken. */
  async create({ actor, name }: RequestOf<Calls['createOrganisation']>): Promise<Organisation> {
    const tenant = this.ids.uuid();
    const made = await withTenant(this.dataSource, tenant, (manager) => this.createIn(manager, tenant, name, actor));
    this.outbox.kick();
    return made;
  }

  /** The same inside a transaction that sees `tenant`. */
  async createIn(manager: EntityManager, tenant: string, name: string, actor: RequestOf<Calls['createOrganisation']>['actor']): Promise<Organisation> {
    const made = { id: tenant, name, pseudonym: newPseudonym(), createdAtMs: this.clock.nowMs() };
    await this.store.insert(manager, made);
    await this.sealingKeys.create(manager, tenant);
    await this.sealingKeys.create(manager, tenant, 'requests');
    await this.sealingKeys.create(manager, tenant, 'contents');
    await this.changes.publishTenant(manager, tenant);
    await this.changes.record(manager, tenant, { id: tenant, type: 'organisation.created', fields: { actor, organisation: tenant, name } });
    return made;
  }

  /** Error: `NOT_FOUND`. */
  async get({ tenant }: RequestOf<Calls['getOrganisation']>): Promise<Organisation> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, tenant));
    if (found === undefined) throw failure('NOT_FOUND', 'there is no such organisation');
    return found;
  }

  /** Oldest first; `after` is the id of the last one of the page before. Error: `REQUEST_INVALID`. */
  async list({ after, limit }: RequestOf<Calls['listOrganisations']>): Promise<ReplyOf<Calls['listOrganisations']>> {
    const found = await withTenant(this.dataSource, '*', (manager) => this.store.list(manager, after, limit + 1));
    return { data: found.slice(0, limit), hasMore: found.length > limit };
  }

  /** Errors: `NOT_FOUND`, `CONFLICT` when the name is taken. */
  async createProject({ actor, tenant, name, defaultClass }: RequestOf<Calls['createProject']>): Promise<Project> {
    const made = { id: this.ids.uuid(), tenant, name, defaultClass, createdAtMs: this.clock.nowMs() };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.hold(manager, tenant);
      await this.store.insertProject(manager, made);
      await this.changes.publishTenant(manager, tenant);
      await this.changes.record(manager, tenant, { id: made.id, type: 'project.created', fields: { actor, project: made.id, name, defaultClass } });
    });
    this.outbox.kick();
    return made;
  }

  async projects({ tenant }: RequestOf<Calls['listProjects']>): Promise<ReplyOf<Calls['listProjects']>> {
    return { data: await withTenant(this.dataSource, tenant, (manager) => this.store.projects(manager, tenant)) };
  }
}
