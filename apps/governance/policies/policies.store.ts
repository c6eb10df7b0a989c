import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { PolicyEntry, policyVersion } from '#protocol';

export type PolicyVersion = z.output<typeof policyVersion>;

interface PolicyRow {
  tenant: string;
  version: number;
  hash: string;
  text: string;
  author: string | null;
  published_at_ms: string;
}

/** Published policy texts. Versions count from 1 within a tenant and are never changed. */
@Injectable()
export class PolicyStore {
  async insert(manager: EntityManager, policy: PolicyVersion, record: string): Promise<void> {
    await manager.query('INSERT INTO governance.policies (tenant, version, hash, text, author, published_at_ms, record) VALUES ($1, $2, $3, $4, $5, $6, $7)', [
      policy.tenant,
      policy.version,
      policy.hash,
      policy.text,
      policy.author,
      policy.publishedAtMs,
      record,
    ]);
  }

  /** A version, or the one in force. */
  async find(manager: EntityManager, tenant: string, version?: number): Promise<PolicyVersion | undefined> {
    const rows = await manager.query<PolicyRow[]>(
      'SELECT * FROM governance.policies WHERE tenant = $1 AND ($2::integer IS NULL OR version = $2::integer) ORDER BY version DESC LIMIT 1',
      [tenant, version ?? null],
    );
    return rows.map(fromRow)[0];
  }

  /** The record under which a version is in the log; `undefined` for those that were published before it was kept. */
  async recordOf(manager: EntityManager, tenant: string, version: number): Promise<string | undefined> {
    const [row] = await manager.query<{ record: string | null }[]>('SELECT record FROM governance.policies WHERE tenant = $1 AND version = $2', [tenant, version]);
    return row?.record ?? undefined;
  }

  /** Newest first. */
  async list(manager: EntityManager, tenant: string): Promise<PolicyVersion[]> {
    const rows = await manager.query<PolicyRow[]>('SELECT * FROM governance.policies WHERE tenant = $1 ORDER BY version DESC', [tenant]);
    return rows.map(fromRow);
  }
}

/** Lower-case hex SHA-256 of the text's UTF-8: anyone who holds the text can tell which version it is. */
export const policyHash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What gateways are told of a policy version. */
export function toReplica({ tenant, version, hash, text, publishedAtMs }: PolicyVersion): PolicyEntry {
  return { tenant, version, hash, text, publishedAtMs };
}

function fromRow(row: PolicyRow): PolicyVersion {
  return { tenant: row.tenant, version: row.version, hash: row.hash, text: row.text, author: row.author, publishedAtMs: Number(row.published_at_ms) };
}
