import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AliasEntry, ModelAlias } from '#protocol';

@Injectable()
export class AliasStore {
  async put(manager: EntityManager, { tenant, aliases, changedAtMs }: AliasEntry): Promise<void> {
    await manager.query(
      `INSERT INTO governance.model_aliases (tenant, aliases, changed_at_ms) VALUES ($1, $2, $3)
       ON CONFLICT (tenant) DO UPDATE SET aliases = excluded.aliases, changed_at_ms = excluded.changed_at_ms`,
      [tenant, JSON.stringify(aliases), changedAtMs],
    );
  }

  async find(manager: EntityManager, tenant: string): Promise<AliasEntry | undefined> {
    const [row] = await manager.query<{ aliases: ModelAlias[]; changed_at_ms: string }[]>('SELECT * FROM governance.model_aliases WHERE tenant = $1', [tenant]);
    return row && { tenant, aliases: row.aliases, changedAtMs: Number(row.changed_at_ms) };
  }
}
