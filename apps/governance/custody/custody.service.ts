import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { custodyCalls, failure, operatorRecord, type KmsSetting, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import { KeyManagers } from './key-managers.service.js';
import { TenantKeyStore } from './tenant-keys.store.js';
import { TenantKmsStore } from './tenant-kms.store.js';

type Calls = typeof custodyCalls;
type State = ReplyOf<Calls['rotate']>;

/** The hierarchy of keys: master key → tenant keys → sealing keys → data keys. What is renewed above leaves what is below readable. */
@Injectable()
export class Custody {
  constructor(
    private readonly dataSource: DataSource,
    private readonly managers: KeyManagers,
    private readonly tenantKeys: TenantKeyStore,
    private readonly kms: TenantKmsStore,
    private readonly sealingKeys: SealingKeyStore,
    private readonly organisations: OrganisationStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** A new tenant key over all that the organisation has, and new sealing keys; the old tenant key is destroyed. Errors: `NOT_FOUND`, `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  rotate({ actor, tenant }: RequestOf<Calls['rotate']>): Promise<State> {
    return this.change(tenant, async (manager) => {
      const version = ((await this.tenantKeys.rows(manager, tenant)).at(-1)?.version ?? 0) + 1;
      const made = await this.tenantKeys.make(manager, tenant, version);
      await this.sealingKeys.moveTo(manager, tenant, made);
      await this.tenantKeys.removeBefore(manager, tenant, version);
      const sealingKey = await this.sealingKeys.create(manager, tenant);
      const requestKey = await this.sealingKeys.create(manager, tenant, 'requests');
      const contentKey = await this.sealingKeys.create(manager, tenant, 'contents');
      await this.changes.publishTenant(manager, tenant);
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'sealing.rotated', fields: { actor, tenantKeyVersion: version, sealingKey, requestKey, contentKey } });
    });
  }

  /**
   * A new version of the deployment's master key, and everything that the deployment keeps under it; an organisation each transaction, so that it may be
   * begun again. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`.
   */
  async rotateMaster({ actor }: RequestOf<Calls['rotateMaster']>): Promise<ReplyOf<Calls['rotateMaster']>> {
    const to = this.managers.deployment;
    const version = await to.manager.rotate(to.keyId);
    const all = await withTenant(this.dataSource, '*', (manager) => this.organisations.list(manager, undefined, 2 ** 31 - 1));
    let tenantKeys = 0;
    for (const { id: tenant } of all) {
      tenantKeys += await withTenant(this.dataSource, tenant, async (manager) => {
        await this.organisations.hold(manager, tenant);
        const own = await this.kms.open(manager, tenant);
        if (own !== null) await this.kms.put(manager, tenant, own);
        const current = await this.tenantKeys.current(manager, tenant);
        await this.sealingKeys.moveTo(manager, tenant, current);
        return own === null ? this.tenantKeys.moveTo(manager, tenant, to) : 0;
      });
    }
    const fields = { actor, kept: to.kept, version, tenantKeys };
    await withTenant(this.dataSource, '*', (manager) => this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'master.rotated', timeMs: this.clock.nowMs(), fields, facts: null })));
    this.outbox.kick();
    return { kept: to.kept, version, tenantKeys };
  }

  /** Tried out first: a KMS that does not open what it wrapped is not taken. Errors: `NOT_FOUND`, `KMS_UNAVAILABLE`, `KMS_REFUSED`, `URL_REFUSED`. */
  async putKms({ actor, tenant, kms }: RequestOf<Calls['putKms']>): Promise<State> {
    if (kms !== null) await this.tryOut(kms);
    return this.change(tenant, async (manager) => {
      const to = kms === null ? this.managers.deployment : this.managers.ofTenant(kms);
      await this.sealingKeys.moveTo(manager, tenant, await this.tenantKeys.current(manager, tenant));
      await this.tenantKeys.moveTo(manager, tenant, to);
      if (kms === null) await this.kms.remove(manager, tenant);
      else await this.kms.put(manager, tenant, kms);
      const address = kms && { url: kms.url, mount: kms.mount, key: kms.key, namespace: kms.namespace ?? null };
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'kms.changed', fields: { actor, kms: address } });
    });
  }

  /** Error: `NOT_FOUND`. */
  list({ tenant, after, limit }: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.replica(manager, tenant);
      const found = await this.sealingKeys.list(manager, tenant, after, limit + 1);
      return { ...(await this.state(manager, tenant)), data: found.slice(0, limit), hasMore: found.length > limit };
    });
  }

  private async change(tenant: string, make: (manager: EntityManager) => Promise<void>): Promise<State> {
    const state = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      await make(manager);
      return this.state(manager, tenant);
    });
    this.outbox.kick();
    return state;
  }

  private async state(manager: EntityManager, tenant: string): Promise<State> {
    const row = (await this.tenantKeys.rows(manager, tenant)).at(-1);
    return { tenantKey: row === undefined ? null : { version: row.version, kept: row.kept, createdAtMs: row.createdAtMs }, kms: await this.kms.find(manager, tenant) };
  }

  private async tryOut(kms: KmsSetting): Promise<void> {
    const { manager, keyId } = this.managers.ofTenant(kms);
    const key = randomBytes(32);
    const back = await manager.unwrap(keyId, await manager.wrap(keyId, key, 'governance|try'), 'governance|try');
    if (!Buffer.from(back).equals(key)) throw failure('KMS_REFUSED', 'the KMS does not give back what it wrapped');
  }
}
