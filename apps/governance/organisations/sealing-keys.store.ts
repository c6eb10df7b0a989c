import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock, Ids, isDomainError, timeOfId, uuidv7 } from '#kernel';
import { failure, generateSealKeys } from '#protocol';
import { TenantKeyStore, type TenantKey } from '../custody/tenant-keys.store.js';
import { Secrets } from '../secrets.js';
import { sealKeyContext, unwrapKey, wrapKey } from './key-wrapping.js';

interface SealingKeyRow {
  id: string;
  wrapped_private_key: Buffer;
  tenant_key: number | null;
}

/** What is sealed to a key: changes of the organisation, requests, or the keys of its stored contents. */
export type Purpose = 'lasting' | 'requests' | 'contents';

/** A key of requests that has a successor. */
export interface RetiredKey {
  readonly id: string;
  readonly createdAtMs: number;
  readonly retiredAtMs: number;
}

/** How a key of contents stands. */
export interface ContentKeyState {
  readonly isRetired: boolean;
  readonly isDestroyed: boolean;
}

/** Which entry of the log says that a key was destroyed, and when it was. */
export interface DestroyedKey {
  readonly by: string;
  readonly atMs: number;
}

/** The X25519 keys under which record bodies of a tenant are sealed. Private halves leave this file only to open a body. */
@Injectable()
export class SealingKeyStore {
  constructor(
    private readonly tenantKeys: TenantKeyStore,
    private readonly secrets: Secrets,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** A new pair for a tenant; from now on bodies of this purpose are sealed to it. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async create(manager: EntityManager, tenant: string, purpose: Purpose = 'lasting', nowMs = this.clock.nowMs()): Promise<string> {
    const id = await this.nextId(manager, tenant, purpose);
    const { publicKey, privateKey } = generateSealKeys();
    const { version, key } = await this.tenantKeys.current(manager, tenant);
    await manager.query('UPDATE governance.sealing_keys SET retired_at_ms = $3 WHERE tenant = $1 AND purpose = $2 AND retired_at_ms IS NULL', [tenant, purpose, nowMs]);
    await manager.query('INSERT INTO governance.sealing_keys (id, tenant, public_key, wrapped_private_key, tenant_key, created_at_ms, purpose) VALUES ($1, $2, $3, $4, $5, $6, $7)', [
      id,
      tenant,
      publicKey,
      wrapKey(key, privateKey, sealKeyContext(tenant, id)),
      version,
      nowMs,
      purpose,
    ]);
    return id;
  }

  /**
   * Raw private halves by id, of those that are not destroyed; of those ids alone where some are given. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `INTERNAL` when a key is not the one
   * under which they were stored.
   */
  async privateKeys(manager: EntityManager, tenant: string, ids?: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await manager.query<SealingKeyRow[]>(
      'SELECT id, wrapped_private_key, tenant_key FROM governance.sealing_keys WHERE tenant = $1 AND ($2::uuid[] IS NULL OR id = ANY($2::uuid[])) AND destroyed_by IS NULL',
      [tenant, ids ?? null],
    );
    if (rows.length === 0) return new Map();
    const tenantKeys = rows.some(({ tenant_key }) => tenant_key !== null) ? await this.tenantKeys.all(manager, tenant) : new Map<number, Uint8Array>();
    return new Map(rows.map((row) => [row.id, this.open(tenant, row, tenantKeys)]));
  }

  /** Wraps all private halves of a tenant anew, under this tenant key. Errors: those of `privateKeys`. */
  async moveTo(manager: EntityManager, tenant: string, { version, key }: TenantKey): Promise<void> {
    const held = [...(await this.privateKeys(manager, tenant))];
    await manager.query(
      `UPDATE governance.sealing_keys k SET wrapped_private_key = n.wrapped, tenant_key = $3
       FROM unnest($1::uuid[], $2::bytea[]) AS n (id, wrapped) WHERE k.id = n.id`,
      [held.map(([id]) => id), held.map(([id, privateKey]) => wrapKey(key, privateKey, sealKeyContext(tenant, id))), version],
    );
  }

  /** By id, which is by age. */
  async list(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<{ id: string; purpose: Purpose; createdAtMs: number; current: boolean; destroyedAtMs: number | null }[]> {
    const rows = await manager.query<{ id: string; purpose: Purpose; created_at_ms: string; retired_at_ms: string | null; destroyed_at_ms: string | null }[]>(
      'SELECT id, purpose, created_at_ms, retired_at_ms, destroyed_at_ms FROM governance.sealing_keys WHERE tenant = $1 AND ($2::uuid IS NULL OR id > $2::uuid) ORDER BY id LIMIT $3',
      [tenant, after ?? null, limit],
    );
    return rows.map((row) => ({ id: row.id, purpose: row.purpose, createdAtMs: Number(row.created_at_ms), current: row.retired_at_ms === null, destroyedAtMs: row.destroyed_at_ms === null ? null : Number(row.destroyed_at_ms) }));
  }

  /** Since when the current key of a purpose is in use. */
  async currentSinceMs(manager: EntityManager, tenant: string, purpose: Purpose): Promise<number | undefined> {
    const [row] = await manager.query<{ created_at_ms: string }[]>('SELECT created_at_ms FROM governance.sealing_keys WHERE tenant = $1 AND purpose = $2 AND retired_at_ms IS NULL', [tenant, purpose]);
    return row && Number(row.created_at_ms);
  }

  /** Keys of requests that are still there and had a successor by then; oldest first. */
  async retiredBefore(manager: EntityManager, tenant: string, untilMs: number): Promise<RetiredKey[]> {
    const rows = await manager.query<{ id: string; created_at_ms: string; retired_at_ms: string }[]>(
      "SELECT id, created_at_ms, retired_at_ms FROM governance.sealing_keys WHERE tenant = $1 AND purpose = 'requests' AND destroyed_by IS NULL AND retired_at_ms <= $2 ORDER BY created_at_ms",
      [tenant, untilMs],
    );
    return rows.map((row) => ({ id: row.id, createdAtMs: Number(row.created_at_ms), retiredAtMs: Number(row.retired_at_ms) }));
  }

  /** Undefined for a key of another organisation or another purpose. */
  async contentKey(manager: EntityManager, tenant: string, id: string): Promise<ContentKeyState | undefined> {
    const [row] = await manager.query<{ retired_at_ms: string | null; destroyed_by: string | null }[]>("SELECT retired_at_ms, destroyed_by FROM governance.sealing_keys WHERE tenant = $1 AND id = $2 AND purpose = 'contents'", [tenant, id]);
    return row && { isRetired: row.retired_at_ms !== null, isDestroyed: row.destroyed_by !== null };
  }

  /** Organisations that have no key of contents yet, as all had none once. */
  async withoutContentKey(manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ tenant: string }[]>("SELECT tenant FROM governance.organisations o WHERE NOT EXISTS (SELECT 1 FROM governance.sealing_keys k WHERE k.tenant = o.tenant AND k.purpose = 'contents') ORDER BY tenant");
    return rows.map(({ tenant }) => tenant);
  }

  /** Nothing that was sealed to these keys opens from now on. */
  async destroy(manager: EntityManager, ids: readonly string[], by: string, nowMs: number): Promise<void> {
    await manager.query('UPDATE governance.sealing_keys SET wrapped_private_key = NULL, destroyed_by = $2, destroyed_at_ms = $3 WHERE id = ANY($1::uuid[])', [ids, by, nowMs]);
  }

  /** Which of these keys are destroyed. */
  async destroyed(manager: EntityManager, tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, DestroyedKey>> {
    if (ids.length === 0) return new Map();
    const rows = await manager.query<{ id: string; destroyed_by: string; destroyed_at_ms: string }[]>(
      'SELECT id, destroyed_by, destroyed_at_ms FROM governance.sealing_keys WHERE tenant = $1 AND id = ANY($2::uuid[]) AND destroyed_by IS NOT NULL',
      [tenant, ids],
    );
    return new Map(rows.map((row) => [row.id, { by: row.destroyed_by, atMs: Number(row.destroyed_at_ms) }]));
  }

  /** Schedulers take the content key of the highest id for the newest: it is that, whatever the clock of this process says. The organisation is held. */
  private async nextId(manager: EntityManager, tenant: string, purpose: Purpose): Promise<string> {
    const id = this.ids.uuid();
    if (purpose !== 'contents') return id;
    const [last] = await manager.query<{ id: string }[]>("SELECT id FROM governance.sealing_keys WHERE tenant = $1 AND purpose = 'contents' ORDER BY id DESC LIMIT 1", [tenant]);
    return last === undefined || last.id < id ? id : uuidv7(timeOfId(last.id) + 1, randomBytes(10));
  }

  private open(tenant: string, { id, wrapped_private_key: wrapped, tenant_key: version }: SealingKeyRow, tenantKeys: ReadonlyMap<number, Uint8Array>): Uint8Array {
    try {
      if (version === null) return this.secrets.masterKeys.openDirectly(wrapped, sealKeyContext(tenant, id));
      const key = tenantKeys.get(version);
      if (key === undefined) throw failure('INTERNAL', `a sealing key is wrapped under version ${version} of a tenant key that is not there`);
      return unwrapKey(key, wrapped, sealKeyContext(tenant, id));
    } catch (cause) {
      if (isDomainError(cause)) throw cause;
      throw failure('INTERNAL', 'a sealing key does not open under the key that it was stored under', {}, cause);
    }
  }
}
