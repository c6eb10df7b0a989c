import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { RecordType } from '#protocol';
import { withTenant } from '#service';

/** Whose entry, of which type: what an entry's row names by one number. */
export interface Kind {
  readonly tenant: string | null;
  readonly type: RecordType;
}

/** The numbers of kinds. They are given once and never change, so they are remembered. */
@Injectable()
export class Kinds {
  /** By type and tenant. */
  private readonly codes = new Map<RecordType, Map<string | null, number>>();

  constructor(private readonly dataSource: DataSource) {}

  /** A lookup for these kinds; new ones get a number, committed before it is used. Error: `DATABASE_UNAVAILABLE`. */
  async of(kinds: readonly Kind[]): Promise<(kind: Kind) => number> {
    const missing = kinds.filter((kind) => this.codeOf(kind) === undefined);
    if (missing.length > 0) {
      const asked = [missing.map(({ tenant }) => tenant), missing.map(({ type }) => type)];
      const rows = await withTenant(this.dataSource, '*', async (manager) => {
        await manager.query('INSERT INTO governance.log_kinds (tenant, type) SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING', asked);
        return manager.query<(Kind & { code: number })[]>(
          'SELECT DISTINCT k.code, k.tenant, k.type FROM unnest($1::uuid[], $2::text[]) AS asked (tenant, type) JOIN governance.log_kinds k ON k.type = asked.type AND k.tenant IS NOT DISTINCT FROM asked.tenant',
          asked,
        );
      });
      for (const { type, tenant, code } of rows) this.codes.set(type, (this.codes.get(type) ?? new Map<string | null, number>()).set(tenant, code));
    }
    return (kind) => this.codeOf(kind)!;
  }

  private codeOf({ type, tenant }: Kind): number | undefined {
    return this.codes.get(type)?.get(tenant);
  }
}
