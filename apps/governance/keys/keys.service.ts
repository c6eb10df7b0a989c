import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, governanceCalls, keyReplica, Role, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Secrets } from '../secrets.js';
import { generateApiKey, hashApiKey, tailOf } from './api-key.js';
import { KeyStore, toReplica, toReply, type ApiKey } from './keys.store.js';

type Calls = typeof governanceCalls;
type CreateKey = RequestOf<Calls['createKey']>;

@Injectable()
export class Keys {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: KeyStore,
    private readonly organisations: OrganisationStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly secrets: Secrets,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** The reply is the only place where the key itself ever stands. Errors: `NOT_FOUND`, `NOT_ALLOWED`, `REQUEST_INVALID`. */
  async create(request: CreateKey): Promise<ReplyOf<Calls['createKey']>> {
    if (request.role === Role.platformAdmin) await this.requirePlatformAdmin(request);
    if (request.expiresAtMs !== null && request.expiresAtMs <= this.clock.nowMs()) throw failure('REQUEST_INVALID', 'the key would have expired already');
    const secret = generateApiKey();
    const key = await withTenant(this.dataSource, request.tenant, (manager) => this.createIn(manager, request, secret));
    this.outbox.kick();
    return { ...key, secret };
  }

  /** Stores a key whose text is known, inside a transaction that sees its tenant. Error: `NOT_FOUND`. */
  async createIn(manager: EntityManager, { actor, tenant, project, role, name, expiresAtMs }: CreateKey, secret: string): Promise<ApiKey> {
    await this.organisations.hold(manager, tenant);
    if (project !== null && !(await this.organisations.projects(manager, tenant)).some(({ id }) => id === project)) {
      throw failure('NOT_FOUND', 'the organisation has no such project');
    }
    const key = {
      id: this.ids.uuid(), tenant, project, role, name, hash: hashApiKey(this.secrets.keyPepper, secret), tail: tailOf(secret),
      createdAtMs: this.clock.nowMs(), expiresAtMs, revokedAtMs: null,
    };
    await this.store.insert(manager, key);
    await this.outbox.replica(manager, keyReplica, key.hash, toReplica(key));
    await this.changes.record(manager, tenant, { id: key.id, type: 'key.created', fields: { actor, key: key.id, project, role, name, tail: key.tail, expiresAtMs } });
    return toReply(key);
  }

  async list({ tenant }: RequestOf<Calls['listKeys']>): Promise<ReplyOf<Calls['listKeys']>> {
    return { data: (await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant))).map(toReply) };
  }

  /** Takes the key from every gateway at once; revoking twice is the same as once. Error: `NOT_FOUND`. */
  async revoke({ actor, tenant, id }: RequestOf<Calls['revokeKey']>): Promise<ApiKey> {
    const key = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      const revoked = await this.store.revoke(manager, tenant, id, this.clock.nowMs());
      if (revoked === undefined) return this.store.find(manager, id);
      await this.outbox.replica(manager, keyReplica, revoked.hash, null);
      await this.changes.record(manager, tenant, { id, type: 'key.revoked', fields: { actor, key: id } });
      return revoked;
    });
    if (key === undefined) throw failure('NOT_FOUND', 'the organisation has no such key');
    this.outbox.kick();
    return toReply(key);
  }

  /** Only a platform administrator makes another one: no role of an organisation can rise above it. */
  private async requirePlatformAdmin({ actor }: CreateKey): Promise<void> {
    const by = actor.keyId && (await withTenant(this.dataSource, '*', (manager) => this.store.find(manager, actor.keyId!)));
    if (!by || by.role !== Role.platformAdmin) throw failure('NOT_ALLOWED', 'only a platform administrator may create a key with the role platform_admin');
  }
}
