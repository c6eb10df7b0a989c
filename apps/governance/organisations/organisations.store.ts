import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { failure, type DataClass, type TenantEntry } from '#protocol';
import type { Organisation, Project } from './organisation.js';

interface OrganisationRow {
  tenant: string;
  name: string;
  pseudonym: string;
  created_at_ms: string;
}

interface ProjectRow {
  id: string;
  tenant: string;
  name: string;
  default_class: DataClass;
  created_at_ms: string;
}

@Injectable()
export class OrganisationStore {
  /** Error: `CONFLICT` when the name is taken. */
  async insert(manager: EntityManager, { id, name, pseudonym, createdAtMs }: Organisation): Promise<void> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING RETURNING 1',
      [id, name, pseudonym, createdAtMs],
    );
    if (rows.length === 0) throw failure('CONFLICT', `there is an organisation named "${name}" already`);
  }

  async find(manager: EntityManager, tenant: string): Promise<Organisation | undefined> {
    const rows = await manager.query<OrganisationRow[]>('SELECT * FROM governance.organisations WHERE tenant = $1', [tenant]);
    return rows.map(fromOrganisationRow)[0];
  }

  /** Holds the organisation until the transaction ends, so that changes of one tenant take turns. Error: `NOT_FOUND`. */
  async hold(manager: EntityManager, tenant: string): Promise<Organisation> {
    const [row] = await manager.query<OrganisationRow[]>('SELECT * FROM governance.organisations WHERE tenant = $1 FOR UPDATE', [tenant]);
    if (row === undefined) throw failure('NOT_FOUND', 'there is no such organisation');
    return fromOrganisationRow(row);
  }

  async findByName(manager: EntityManager, name: string): Promise<Organisation | undefined> {
    const rows = await manager.query<OrganisationRow[]>('SELECT * FROM governance.organisations WHERE name = $1', [name]);
    return rows.map(fromOrganisationRow)[0];
  }

  /** By id, which is by age; at most `limit` after `after`. */
  async list(manager: EntityManager, after: string | undefined, limit: number): Promise<Organisation[]> {
    const rows = await manager.query<OrganisationRow[]>(
      'SELECT * FROM governance.organisations WHERE $1::uuid IS NULL OR tenant > $1::uuid ORDER BY tenant LIMIT $2',
      [after ?? null, limit],
    );
    return rows.map(fromOrganisationRow);
  }

  /** Error: `CONFLICT` when the organisation has a project of this name. */
  async insertProject(manager: EntityManager, { id, tenant, name, defaultClass, createdAtMs }: Project): Promise<void> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO governance.projects (id, tenant, name, default_class, created_at_ms) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (tenant, name) DO NOTHING RETURNING 1`,
      [id, tenant, name, defaultClass, createdAtMs],
    );
    if (rows.length === 0) throw failure('CONFLICT', `the organisation has a project named "${name}" already`);
  }

  async projects(manager: EntityManager, tenant: string): Promise<Project[]> {
    const rows = await manager.query<ProjectRow[]>('SELECT * FROM governance.projects WHERE tenant = $1 ORDER BY id', [tenant]);
    return rows.map(({ id, name, default_class: defaultClass, created_at_ms }) => ({ id, tenant, name, defaultClass, createdAtMs: Number(created_at_ms) }));
  }

  /** What gateways are told of an organisation. Error: `NOT_FOUND`. */
  async replica(manager: EntityManager, tenant: string): Promise<TenantEntry> {
    const [row] = await manager.query<{ name: string; pseudonym: string; id: string; public_key: Buffer; person_salt: Buffer; erasures: number; request_id: string | null; request_key: Buffer | null; content_id: string | null; content_key: Buffer | null }[]>(
      `SELECT o.name, o.pseudonym, o.person_salt, o.erasures, k.id, k.public_key, r.id AS request_id, r.public_key AS request_key, c.id AS content_id, c.public_key AS content_key
       FROM governance.organisations o JOIN governance.sealing_keys k ON k.tenant = o.tenant AND k.purpose = 'lasting'
         LEFT JOIN governance.sealing_keys r ON r.tenant = o.tenant AND r.purpose = 'requests' AND r.retired_at_ms IS NULL
         LEFT JOIN governance.sealing_keys c ON c.tenant = o.tenant AND c.purpose = 'contents' AND c.retired_at_ms IS NULL
       WHERE o.tenant = $1 ORDER BY k.created_at_ms DESC, k.id DESC LIMIT 1`,
      [tenant],
    );
    if (row === undefined) throw failure('NOT_FOUND', 'there is no such organisation');
    const projects = await this.projects(manager, tenant);
    return {
      tenant,
      name: row.name,
      pseudonym: row.pseudonym,
      sealKey: row.public_key.toString('base64'),
      sealKeyId: row.id,
      ...(row.request_id !== null && row.request_key !== null && { requestKey: { id: row.request_id, key: row.request_key.toString('base64') } }),
      ...(row.content_id !== null && row.content_key !== null && { contentKey: { id: row.content_id, key: row.content_key.toString('base64') } }),
      projects: projects.map(({ id, name, defaultClass }) => ({ id, name, defaultClass })),
      personSalt: row.person_salt.toString('base64'),
      erasures: row.erasures,
    };
  }
}

function fromOrganisationRow(row: OrganisationRow): Organisation {
  return { id: row.tenant, name: row.name, pseudonym: row.pseudonym, createdAtMs: Number(row.created_at_ms) };
}
