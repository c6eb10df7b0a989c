import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Whom final statements paid what, and which machines earn for whom. Runs in the caller's transaction. */
@Injectable()
export class ExposureStore {
  /** What a tenant's final statements paid of its debts, in nano-dollars by lower-case payee: each at its own rate, those without one at `parNanos` a unit. */
  async settledNanos(manager: EntityManager, tenant: string, parNanos: bigint): Promise<Map<string, bigint>> {
    const rows = await manager.query<{ payee: string; nanos: string }[]>(
      `SELECT lower(p ->> 'payee') AS payee, sum(div((p ->> 'units')::numeric * r.nanos + r.units - 1, r.units)) AS nanos
       FROM settlement.statements s, jsonb_array_elements(s.payees) p,
         LATERAL (SELECT COALESCE((s.rate ->> 'nanos')::numeric, $2) AS nanos, COALESCE((s.rate ->> 'units')::numeric, 1) AS units) r
       WHERE s.tenant = $1 AND s.settled_tx IS NOT NULL GROUP BY 1`,
      [tenant, parNanos.toString()],
    );
    return new Map(rows.map(({ payee, nanos }) => [payee, BigInt(nanos)]));
  }

  async addNode(manager: EntityManager, node: string, payee: string): Promise<void> {
    await manager.query('INSERT INTO settlement.payee_nodes (node, payee) VALUES ($1, $2) ON CONFLICT DO NOTHING', [node, payee.toLowerCase()]);
  }

  async payeeOf(manager: EntityManager, node: string): Promise<string | null> {
    return (await manager.query<{ payee: string }[]>('SELECT payee FROM settlement.payee_nodes WHERE node = $1', [node]))[0]?.payee ?? null;
  }

  /** Nodes by lower-case payee. */
  async nodesOf(manager: EntityManager, payees: readonly string[]): Promise<Map<string, string[]>> {
    const rows = await manager.query<{ payee: string; nodes: string[] }[]>('SELECT payee, array_agg(node::text) AS nodes FROM settlement.payee_nodes WHERE payee = ANY($1::text[]) GROUP BY 1', [payees]);
    return new Map(rows.map(({ payee, nodes }) => [payee, nodes]));
  }
}
