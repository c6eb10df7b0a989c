import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { RecordType } from '#protocol';
import { withTenant } from '#service';

/** Whose entry, of which type: what an entry's row names by one number. */
export interface Kind {
  readonly tenant: string | null;
  readonly type: RecordType;
}

const nameOf = ({ tenant, type }: Kind): string => `${tenant ?? ''} ${type}`;

/** The numbers of kinds. They are given once and never change, so they are remembered. */
@Injectable()
export class Kinds {
  private readonly codes = new Map<string, number>();

  constructor(private readonly dataSource: DataSource) {}

  /** A lookup for these kinds; new ones get a number, committed before it is used. Error: `DATABASE_UNAVAILABLE`. */
  async of(kinds: readonly Kind[]): Promise<(kind: Kind) => number> {
    const missing = new Map(kinds.filter((kind) => !this.codes.has(nameOf(kind))).map((kind) => [nameOf(kind), kind]));
    if (missing.size > 0) {
      const asked = [[...missing.values()].map(({ tenant }) => tenant), [...missing.values()].map(({ type }) => type)];
      const rows = await withTenant(this.dataSource, '*', async (manager) => {
        await manager.query('INSERT INTO governance.log_kinds (tenant, type) SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING', asked);
        return manager.query<(Kind & { code: number })[]>(
          'SELECT k.code, k.tenant, k.type FROM unnest($1::uuid[], $2::text[]) AS asked (tenant, type) JOIN governance.log_kinds k ON k.type = asked.type AND k.tenant IS NOT DISTINCT FROM asked.tenant',
          asked,
        );
      });
      for (const row of rows) this.codes.set(nameOf(row), row.code);
    }
    return (kind) => this.codes.get(nameOf(kind))!;
  }
}
