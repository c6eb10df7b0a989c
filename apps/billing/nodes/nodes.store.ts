import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { runNamed } from '../ledger/named-statement.js';

/** Whom to pay for a node's work, and the key that signs its receipts. */
export interface Payee {
  readonly node: string;
  /** Raw Ed25519 key, hex. */
  readonly publicKey: string;
  /** Lower-case address. */
  readonly payoutAddress: string;
}

@Injectable()
export class NodesStore {
  async enrol(manager: EntityManager, payee: Payee & { name: string }): Promise<void> {
    await manager.query('INSERT INTO billing.nodes (id, name, public_key, payout_address) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING', [
      payee.node,
      payee.name,
      payee.publicKey,
      payee.payoutAddress.toLowerCase(),
    ]);
  }

  async find(manager: EntityManager, nodes: readonly string[]): Promise<ReadonlyMap<string, Payee>> {
    if (nodes.length === 0) return new Map();
    const rows = await runNamed<{ id: string; public_key: string; payout_address: string }>(manager, 'payees-of-nodes', 'SELECT id, public_key, payout_address FROM billing.nodes WHERE id = ANY($1::uuid[])', [[...new Set(nodes)]]);
    return new Map(rows.map((row) => [row.id, { node: row.id, publicKey: row.public_key, payoutAddress: row.payout_address }]));
  }

  /** Earnings of nodes unknown at the time whose payee is known by now. */
  async waitingEarnings(manager: EntityManager): Promise<{ tenant: string; node: string; payoutAddress: string }[]> {
    return manager.query(
      `SELECT a.tenant, n.id AS node, n.payout_address AS "payoutAddress"
       FROM billing.accounts a JOIN billing.nodes n ON a.code = 'unassigned:' || a.tenant || ':' || n.id
       WHERE a.kind = 'unassigned' AND a.balance <> 0 ORDER BY a.id`,
    );
  }
}
