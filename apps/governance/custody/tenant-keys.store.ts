import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import type { Keeper, KmsSetting } from '#protocol';
import { KeyManagers, type NamedKey } from './key-managers.service.js';
import { TenantKmsStore } from './tenant-kms.store.js';

export interface TenantKey {
  readonly version: number;
  readonly key: Uint8Array;
}

export interface TenantKeyRow {
  readonly version: number;
  readonly kept: Keeper;
  readonly wrapped: string;
  readonly createdAtMs: number;
}

/** An opened tenant key is kept this long: as soon as that is noticed when an organisation takes its KMS away. */
const openMs = 5 * 60_000;

/** The keys over all keys of one organisation. Opened ones never leave this process. */
@Injectable()
export class TenantKeyStore {
  /** By what is stored: a transaction that is taken back leaves nothing here that is ever found. */
  private readonly opened = new Map<string, { key: Uint8Array; untilMs: number }>();
  /** Of what many ask for at a time, one asks the KMS. */
  private readonly asking = new Map<string, Promise<Uint8Array>>();

  constructor(
    private readonly managers: KeyManagers,
    private readonly kms: TenantKmsStore,
    private readonly clock: Clock,
  ) {}

  /** The newest one; made if there is none. The organisation must be held where it might be. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async current(manager: EntityManager, tenant: string): Promise<TenantKey> {
    const row = (await this.rows(manager, tenant)).at(-1);
    return row === undefined ? this.make(manager, tenant, 1) : { version: row.version, key: await this.open(manager, tenant, row) };
  }

  /** By version. Errors: the same. */
  async all(manager: EntityManager, tenant: string): Promise<ReadonlyMap<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    for (const row of await this.rows(manager, tenant)) found.set(row.version, await this.open(manager, tenant, row));
    return found;
  }

  /** Reads what it takes to open all of the organisation's keys, and gives what does it: after the transaction, for a KMS may take its ten seconds. Errors of that: the same. */
  async opening(manager: EntityManager, tenant: string): Promise<() => Promise<void>> {
    const [rows, own] = [await this.rows(manager, tenant), await this.kms.opening(manager, tenant)];
    return async () => {
      for (const row of rows) await this.openBy(async () => this.keeperOf(await own()), tenant, row);
    };
  }

  /** For how long all of the organisation's keys stay open here without anybody being asked. */
  async openMs(manager: EntityManager, tenant: string): Promise<number> {
    const untilMs = (await this.rows(manager, tenant)).map(({ wrapped }) => this.opened.get(wrapped)?.untilMs ?? 0);
    return Math.max(0, Math.min(...untilMs, this.clock.monotonicMs() + openMs) - this.clock.monotonicMs());
  }

  async make(manager: EntityManager, tenant: string, version: number): Promise<TenantKey> {
    const { kept, manager: keys, keyId } = await this.keeper(manager, tenant);
    const key = randomBytes(32);
    const wrapped = await keys.wrap(keyId, key, context(tenant, version));
    await manager.query('INSERT INTO governance.tenant_keys (tenant, version, kept, wrapped, created_at_ms) VALUES ($1, $2, $3, $4, $5)', [tenant, version, kept, wrapped, this.clock.nowMs()]);
    return { version, key };
  }

  /** Wraps each of a tenant's keys anew: under `to`, or under the newest version of where it is. */
  async moveTo(manager: EntityManager, tenant: string, to: NamedKey): Promise<number> {
    const rows = await this.rows(manager, tenant);
    for (const row of rows) {
      const at = context(tenant, row.version);
      const wrapped = row.kept === to.kept && to.kept !== 'tenant' ? await to.manager.rewrap(to.keyId, row.wrapped, at) : await to.manager.wrap(to.keyId, await this.open(manager, tenant, row), at);
      await manager.query('UPDATE governance.tenant_keys SET wrapped = $3, kept = $4 WHERE tenant = $1 AND version = $2', [tenant, row.version, wrapped, to.kept]);
    }
    return rows.length;
  }

  /** What nothing is wrapped under any more. */
  async removeBefore(manager: EntityManager, tenant: string, version: number): Promise<void> {
    await manager.query('DELETE FROM governance.tenant_keys WHERE tenant = $1 AND version < $2', [tenant, version]);
  }

  /** Oldest first. */
  async rows(manager: EntityManager, tenant: string): Promise<TenantKeyRow[]> {
    const rows = await manager.query<{ version: number; kept: Keeper; wrapped: string; created_at_ms: string }[]>('SELECT * FROM governance.tenant_keys WHERE tenant = $1 ORDER BY version', [tenant]);
    return rows.map(({ version, kept, wrapped, created_at_ms }) => ({ version, kept, wrapped, createdAtMs: Number(created_at_ms) }));
  }

  /** Who keeps the key over a tenant's next key. */
  async keeper(manager: EntityManager, tenant: string): Promise<NamedKey> {
    return this.keeperOf(await this.kms.open(manager, tenant));
  }

  private keeperOf(own: KmsSetting | null): NamedKey {
    return own === null ? this.managers.deployment : this.managers.ofTenant(own);
  }

  private open(manager: EntityManager, tenant: string, row: TenantKeyRow): Promise<Uint8Array> {
    return this.openBy(() => this.keeper(manager, tenant), tenant, row);
  }

  private async openBy(keeper: () => Promise<NamedKey>, tenant: string, row: TenantKeyRow): Promise<Uint8Array> {
    const nowMs = this.clock.monotonicMs();
    const known = this.opened.get(row.wrapped);
    if (known !== undefined && nowMs < known.untilMs) return known.key;
    const asked = this.asking.get(row.wrapped) ?? this.ask(keeper, tenant, row, nowMs).finally(() => this.asking.delete(row.wrapped));
    this.asking.set(row.wrapped, asked);
    return asked;
  }

  private async ask(keeper: () => Promise<NamedKey>, tenant: string, { version, kept, wrapped }: TenantKeyRow, nowMs: number): Promise<Uint8Array> {
    const { manager: keys, keyId } = kept === 'tenant' ? await keeper() : this.managers.deploymentsOwn(kept);
    const key = await keys.unwrap(keyId, wrapped, context(tenant, version));
    for (const [old, { untilMs }] of this.opened) if (untilMs <= nowMs) this.opened.delete(old);
    this.opened.set(wrapped, { key, untilMs: nowMs + openMs });
    return key;
  }
}

const context = (tenant: string, version: number): string => `governance|tenant_keys|${tenant}|${version}`;
