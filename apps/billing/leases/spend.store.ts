import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import type { LimitScope } from '#protocol';
import { unknownKey } from '../usage/usage-statement.js';

/** Whose money a lease is of. */
export interface Spender {
  readonly tenant: string;
  readonly project: string;
  /** The key that alone may use the lease. */
  readonly keyId?: string | undefined;
  readonly budget: string;
}

/** Of usage `u` and leases `l`. A charge whose key is not known yet counts for every key. */
const ofScope: Record<LimitScope, { readonly usage: string; readonly leases: string }> = {
  organisation: { usage: 'true', leases: 'true' },
  project: { usage: 'u.project = $3', leases: 'l.budget = $4' },
  key: { usage: `u.key_id IN ($5, '${unknownKey}')`, leases: 'l.key_id = $5' },
};

@Injectable()
export class SpendStore {
  /** One lease of an organisation is granted at a time, until the transaction ends. */
  async takeTurn(manager: EntityManager, tenant: string): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('billing.spend ' || $1, 0))`, [tenant]);
  }

  /** One statement, one snapshot: what a booking moves from a lease to usage is in one of the two. */
  async spentAndLeased(manager: EntityManager, scope: LimitScope, { tenant, project, budget, keyId }: Spender, sinceMs: number): Promise<Nanos> {
    const { usage, leases } = ofScope[scope];
    const [row] = await manager.query<{ nanos: string }[]>(
      `SELECT COALESCE((SELECT sum(u.amount_nanos) FROM billing.usage_hours u WHERE u.tenant = $1 AND u.hour_ms >= $2 AND ${usage}), 0)
         + COALESCE((SELECT sum(l.remaining_nanos) FROM billing.leases l WHERE l.tenant = $1 AND l.remaining_nanos > 0 AND ${leases}), 0) AS nanos
       FROM (SELECT $3::uuid, $4::uuid, $5::uuid) AS named`,
      [tenant, sinceMs, project, budget, keyId ?? null],
    );
    return BigInt(row!.nanos);
  }
}
