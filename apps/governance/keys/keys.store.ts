import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { apiKey, KeyEntry, Role } from '#protocol';

export type ApiKey = z.output<typeof apiKey>;
/** A key with what is stored in its place. */
export type StoredKey = ApiKey & { readonly hash: string };

interface KeyRow {
  id: string;
  tenant: string;
  project: string | null;
  role: Role;
  name: string;
  hash: string;
  tail: string;
  created_at_ms: string;
  expires_at_ms: string | null;
  revoked_at_ms: string | null;
}

@Injectable()
export class KeyStore {
  async insert(manager: EntityManager, key: StoredKey): Promise<void> {
    await manager.query(
      'INSERT INTO governance.api_keys (id, tenant, project, role, name, hash, tail, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      [key.id, key.tenant, key.project, key.role, key.name, key.hash, key.tail, key.createdAtMs, key.expiresAtMs],
    );
  }

  async list(manager: EntityManager, tenant: string): Promise<StoredKey[]> {
    const rows = await manager.query<KeyRow[]>('SELECT * FROM governance.api_keys WHERE tenant = $1 ORDER BY id', [tenant]);
    return rows.map(fromRow);
  }

  async find(manager: EntityManager, id: string): Promise<StoredKey | undefined> {
    const rows = await manager.query<KeyRow[]>('SELECT * FROM governance.api_keys WHERE id = $1', [id]);
    return rows.map(fromRow)[0];
  }

  async findByHash(manager: EntityManager, hash: string): Promise<StoredKey | undefined> {
    const rows = await manager.query<KeyRow[]>('SELECT * FROM governance.api_keys WHERE hash = $1', [hash]);
    return rows.map(fromRow)[0];
  }

  /** Keys of a role that are not revoked. */
  async countLive(manager: EntityManager, role: Role): Promise<number> {
    const [row] = await manager.query<{ count: string }[]>('SELECT count(*) FROM governance.api_keys WHERE role = $1 AND revoked_at_ms IS NULL', [role]);
    return Number(row?.count ?? 0);
  }

  /** The key as revoked now; undefined when there is none of this tenant or it is revoked already. */
  async revoke(manager: EntityManager, tenant: string, id: string, nowMs: number): Promise<StoredKey | undefined> {
    const rows = await manager.query<KeyRow[]>(
      `WITH revoked AS (UPDATE governance.api_keys SET revoked_at_ms = $3 WHERE tenant = $1 AND id = $2 AND revoked_at_ms IS NULL RETURNING *)
       SELECT * FROM revoked`,
      [tenant, id, nowMs],
    );
    return rows.map(fromRow)[0];
  }
}

/** What gateways are told of a key. */
export function toReplica({ hash, id, tenant, project, role, expiresAtMs }: StoredKey): KeyEntry {
  return { hash, keyId: id, tenant, project, role, expiresAtMs };
}

/** What people are told of a key. */
export function toReply({ hash: _, ...key }: StoredKey): ApiKey {
  return key;
}

function fromRow(row: KeyRow): StoredKey {
  const ms = (value: string | null): number | null => (value === null ? null : Number(value));
  return {
    id: row.id,
    tenant: row.tenant,
    project: row.project,
    role: row.role,
    name: row.name,
    hash: row.hash,
    tail: row.tail,
    createdAtMs: Number(row.created_at_ms),
    expiresAtMs: ms(row.expires_at_ms),
    revokedAtMs: ms(row.revoked_at_ms),
  };
}
