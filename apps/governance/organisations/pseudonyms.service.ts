import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { withTenant } from '#service';

/** Under which pseudonym an organisation stands in the public log. It never changes, so it is remembered. */
@Injectable()
export class Pseudonyms {
  private readonly known = new Map<string, string>();

  constructor(private readonly dataSource: DataSource) {}

  /** A lookup for these tenants; unknown ones have none. Error: `DATABASE_UNAVAILABLE`. */
  async of(tenants: readonly string[]): Promise<(tenant: string) => string | undefined> {
    const missing = [...new Set(tenants)].filter((tenant) => !this.known.has(tenant));
    if (missing.length > 0) {
      const rows = await withTenant(this.dataSource, '*', (manager) =>
        manager.query<{ tenant: string; pseudonym: string }[]>('SELECT tenant, pseudonym FROM governance.organisations WHERE tenant = ANY($1::uuid[])', [missing]),
      );
      for (const { tenant, pseudonym } of rows) this.known.set(tenant, pseudonym);
    }
    return (tenant) => this.known.get(tenant);
  }
}
