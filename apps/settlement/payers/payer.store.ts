import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export interface Payer {
  readonly tenant: string;
  /** EIP-55. */
  readonly address: string;
  /** Where it is established, ISO 3166-1 alpha-2; null: not named. */
  readonly jurisdiction: string | null;
}

/** Whose deposit pays for which tenant. Runs in the caller's transaction. */
@Injectable()
export class PayerStore {
  /** False if the address already pays for another tenant. */
  async put(manager: EntityManager, { tenant, address, jurisdiction }: Payer): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.payers AS p (tenant, address, jurisdiction)
       SELECT $1::uuid, $2::text, $3::text WHERE NOT EXISTS (SELECT FROM settlement.payers WHERE address = $2 AND tenant <> $1::uuid)
       ON CONFLICT (tenant) DO UPDATE SET address = excluded.address, jurisdiction = excluded.jurisdiction RETURNING 1`,
      [tenant, address, jurisdiction],
    );
    return rows.length === 1;
  }

  async all(manager: EntityManager): Promise<Payer[]> {
    return manager.query<Payer[]>('SELECT tenant, address, jurisdiction FROM settlement.payers ORDER BY tenant');
  }

  /** The first by tenant, after one. */
  async next(manager: EntityManager, after: string | undefined): Promise<Payer | null> {
    return (await manager.query<Payer[]>('SELECT tenant, address, jurisdiction FROM settlement.payers WHERE $1::uuid IS NULL OR tenant > $1 ORDER BY tenant LIMIT 1', [after ?? null]))[0] ?? null;
  }

  async ofTenant(manager: EntityManager, tenant: string): Promise<Payer | null> {
    return (await manager.query<Payer[]>('SELECT tenant, address, jurisdiction FROM settlement.payers WHERE tenant = $1', [tenant]))[0] ?? null;
  }

  async ofAddress(manager: EntityManager, address: string): Promise<Payer | null> {
    return (await manager.query<Payer[]>('SELECT tenant, address, jurisdiction FROM settlement.payers WHERE address = $1', [address]))[0] ?? null;
  }
}
