import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { contentKeyCalls, failure, openedContentKey, Sealer, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import { TenantKeyStore } from './tenant-keys.store.js';

type Calls = typeof contentKeyCalls;
const nobody = { keyId: null, tenant: null };

/** The keys over the keys of stored contents. The scheduler wraps to their public halves, and asks here for the private ones, which never leave unsealed. */
@Injectable()
export class ContentKeys {
  constructor(
    private readonly dataSource: DataSource,
    private readonly sealingKeys: SealingKeyStore,
    private readonly tenantKeys: TenantKeyStore,
    private readonly organisations: OrganisationStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Errors: `NOT_FOUND`, `REQUEST_INVALID`, `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async open({ tenant, id, to }: RequestOf<Calls['open']>): Promise<ReplyOf<Calls['open']>> {
    const sealer = sealerTo(to, id);
    const opening = await withTenant(this.dataSource, tenant, async (manager) => {
      const known = await this.sealingKeys.contentKey(manager, tenant, id);
      if (known === undefined) throw failure('NOT_FOUND', 'the organisation has no such content key', { id });
      if (known.isDestroyed) throw wasDestroyed(id);
      return this.tenantKeys.opening(manager, tenant);
    });
    // While no transaction waits: one organisation's KMS that does not answer would keep the connections of all.
    await opening();
    return withTenant(this.dataSource, tenant, async (manager) => {
      const key = (await this.sealingKeys.privateKeys(manager, tenant, [id])).get(id);
      if (key === undefined) throw wasDestroyed(id);
      return { sealed: sealer.seal(key, openedContentKey(tenant, id)), openMs: await this.tenantKeys.openMs(manager, tenant) };
    });
  }

  /** Asks no KMS. Errors: `NOT_FOUND`, `CONFLICT`. */
  async destroy({ tenant, id }: RequestOf<Calls['destroy']>): Promise<ReplyOf<Calls['destroy']>> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      const known = await this.sealingKeys.contentKey(manager, tenant, id);
      if (known === undefined) throw failure('NOT_FOUND', 'the organisation has no such content key', { id });
      if (!known.isRetired) throw failure('CONFLICT', 'the content key is the current one: only one that has a successor is destroyed', { id });
      if (known.isDestroyed) return;
      const entry = this.ids.uuid();
      await this.sealingKeys.destroy(manager, [id], entry, this.clock.nowMs());
      await this.changes.record(manager, tenant, { id: entry, type: 'sealing.destroyed', fields: { purpose: 'contents', keys: [id] } });
    });
    this.outbox.kick();
    return {};
  }

  /** Makes the first content key of an organisation from before there were any. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async makeFirst(tenant: string): Promise<void> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      if ((await this.sealingKeys.currentSinceMs(manager, tenant, 'contents')) !== undefined) return;
      const contentKey = await this.sealingKeys.create(manager, tenant, 'contents');
      await this.changes.publishTenant(manager, tenant);
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'sealing.rotated', fields: { actor: nobody, contentKey } });
    });
    this.outbox.kick();
  }
}

const wasDestroyed = (id: string): Error => failure('NOT_FOUND', 'the content key was destroyed: everything was under its successor', { id });

function sealerTo(to: string, id: string): Sealer {
  try {
    return new Sealer(Buffer.from(to, 'base64'), id);
  } catch (cause) {
    throw failure('REQUEST_INVALID', '"to" is no public key of X25519', { param: 'to' }, cause);
  }
}
