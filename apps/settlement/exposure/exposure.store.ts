import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Whom final statements paid what, and which machines earn for whom. Runs in the caller's transaction. */
@Injectable()
export class ExposureStore {
  /** Cumulative units by lower-case payee, of a tenant's final statements. */
  async settledUnits(manager: EntityManager, tenant: string): Promise<Map<string, bigint>> {
    const rows = await manager.query<{ payee: string; units: string }[]>(
      `SELECT lower(p ->> 'payee') AS payee, max((p ->> 'cumulativeUnits')::numeric) AS units
       FROM settlement.statements s, jsonb_array_elements(s.payees) p WHERE s.tenant = $1 AND s.settled_tx IS NOT NULL GROUP BY 1`,
      [tenant],
    );
    return new Map(rows.map(({ payee, units }) => [payee, BigInt(units)]));
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
