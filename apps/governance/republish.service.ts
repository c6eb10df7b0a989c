import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { canonicalJson, type Json } from '#kernel';
import { Outbox, Replicas, type ReplicaView } from '#messaging';
import { aliasReplica, keyReplica, limitReplica, policyReplica, tenantReplica, type Replica, type ValueOf } from '#protocol';
import { withTenant } from '#service';
import { KeyStore, toReplica as toKeyReplica } from './keys/keys.store.js';
import { OrganisationStore } from './organisations/organisations.store.js';
import { PolicyStore, toReplica as toPolicyReplica } from './policies/policies.store.js';
import { AliasStore } from './traffic/aliases.store.js';
import { LimitStore } from './traffic/limits.store.js';

/** The tables are the truth: whatever the replicas lack or hold wrongly (a lost NATS volume, an old backup) is published again. */
@Injectable()
export class Republish implements OnApplicationBootstrap {
  private readonly logger = new Logger(Republish.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly replicas: Replicas,
    private readonly outbox: Outbox,
    private readonly organisations: OrganisationStore,
    private readonly keys: KeyStore,
    private readonly policies: PolicyStore,
    private readonly limits: LimitStore,
    private readonly aliases: AliasStore,
  ) {}

  /** In the background: the replicas may not be there yet. */
  onApplicationBootstrap(): void {
    void this.compare().catch((error: unknown) => this.logger.error(`replicas not compared: ${error instanceof Error ? error.message : String(error)}`));
  }

  private async compare(): Promise<void> {
    const [tenants, keys, policies, limits, aliases] = await Promise.all([
      this.replicas.view(tenantReplica),
      this.replicas.view(keyReplica),
      this.replicas.view(policyReplica),
      this.replicas.view(limitReplica),
      this.replicas.view(aliasReplica),
    ]);
    const names = await withTenant(this.dataSource, '*', (manager) => this.organisations.list(manager, undefined, 2 ** 31 - 1));
    for (const { id } of names) {
      await withTenant(this.dataSource, id, async (manager) => {
        // Held, so that no change of this tenant is published between the reading here and its own publication.
        await this.organisations.hold(manager, id);
        await this.publish(manager, tenantReplica, tenants, id, await this.organisations.replica(manager, id));
        const policy = await this.policies.find(manager, id);
        if (policy) await this.publish(manager, policyReplica, policies, id, toPolicyReplica(policy));
        for (const limit of await this.limits.list(manager, id)) await this.publish(manager, limitReplica, limits, limit.subject, limit);
        const alias = await this.aliases.find(manager, id);
        if (alias) await this.publish(manager, aliasReplica, aliases, id, alias);
        for (const key of await this.keys.list(manager, id)) {
          await this.publish(manager, keyReplica, keys, key.hash, key.revokedAtMs === null ? toKeyReplica(key) : null);
        }
      });
    }
    this.outbox.kick();
  }

  private async publish<R extends Replica>(manager: EntityManager, replica: R, view: ReplicaView<ValueOf<R>>, key: string, value: ValueOf<R> | null): Promise<void> {
    const held = view.get(key) ?? null;
    if (isSame(held, value)) return;
    this.logger.warn(`replica ${replica.bucket}: ${key} was ${held === null ? 'missing' : value === null ? 'left over' : 'old'}; published again`);
    await this.outbox.replica(manager, replica, key, value);
  }
}

const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a as Json) === canonicalJson(b as Json);
