import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EnrolmentToken, MachineFacts } from './token.js';

interface TokenRow {
  id: string;
  name: string;
  facts: MachineFacts | null;
  expires_at_ms: string;
  node: string | null;
}

@Injectable()
export class TokenStore {
  async insert(manager: EntityManager, token: EnrolmentToken, hash: string, createdAtMs: number): Promise<void> {
    await manager.query('INSERT INTO scheduler.enrolment_tokens (id, hash, name, facts, created_at_ms, expires_at_ms) VALUES ($1, $2, $3, $4, $5, $6)', [
      token.id,
      hash,
      token.name,
      token.facts === null ? null : JSON.stringify(token.facts),
      createdAtMs,
      token.expiresAtMs,
    ]);
  }

  /** Locks the token until the transaction ends: of two enrolments with it, one waits for the other. */
  async take(manager: EntityManager, hash: string): Promise<EnrolmentToken | undefined> {
    const [row] = await manager.query<TokenRow[]>('SELECT id, name, facts, expires_at_ms, node FROM scheduler.enrolment_tokens WHERE hash = $1 FOR UPDATE', [hash]);
    return row && { id: row.id, name: row.name, facts: row.facts, expiresAtMs: Number(row.expires_at_ms), node: row.node };
  }

  async markUsed(manager: EntityManager, id: string, node: string, nowMs: number): Promise<void> {
    await manager.query('UPDATE scheduler.enrolment_tokens SET node = $2, used_at_ms = $3 WHERE id = $1', [id, node, nowMs]);
  }
}
