import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Which machines earn for whom. Runs in the caller's transaction. */
@Injectable()
export class ExposureStore {
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
