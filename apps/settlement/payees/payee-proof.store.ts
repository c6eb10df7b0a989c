import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { PayeeProofScheme, PayeeSubject } from '#protocol';

export interface KeptProof {
  /** EIP-55. */
  readonly payee: string;
  readonly subject: PayeeSubject;
  readonly scheme: PayeeProofScheme;
  readonly signature: string;
  readonly validUntil: number;
  readonly provedAtMs: number;
}

export interface PayeeWithProofs {
  readonly payee: string;
  readonly index: number | null;
  readonly proofs: Pick<KeptProof, 'subject' | 'scheme' | 'provedAtMs'>[];
}

interface Row {
  payee: string;
  subject: PayeeSubject;
  scheme: PayeeProofScheme;
  signature: string;
  valid_until: string;
  proved_at: Date;
}

const fromRow = ({ payee, subject, scheme, signature, valid_until: validUntil, proved_at: provedAt }: Row): KeptProof => ({ payee, subject, scheme, signature, validUntil: Number(validUntil), provedAtMs: provedAt.getTime() });

/** Who proved to own which address, for whom. Runs in the caller's transaction. */
@Injectable()
export class PayeeProofStore {
  /** False if it was proved before. */
  async add(manager: EntityManager, { payee, subject, scheme, signature, validUntil, provedAtMs }: KeptProof): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO settlement.payee_proofs (payee, subject, scheme, signature, valid_until, proved_at) VALUES ($1, $2, $3, $4, $5, to_timestamp($6::double precision / 1000)) ON CONFLICT DO NOTHING RETURNING 1',
      [payee, JSON.stringify(subject), scheme, signature, validUntil, provedAtMs],
    );
    return rows.length === 1;
  }

  async find(manager: EntityManager, payee: string, subject: PayeeSubject): Promise<KeptProof | null> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payee_proofs WHERE payee = $1 AND subject = $2::jsonb', [payee, JSON.stringify(subject)])).map(fromRow)[0] ?? null;
  }

  /** Of some addresses (EIP-55), those that were proved or have an index already. */
  async settledOf(manager: EntityManager, payees: readonly string[]): Promise<Set<string>> {
    const rows = await manager.query<{ payee: string }[]>(
      'SELECT payee FROM settlement.payee_proofs WHERE payee = ANY($1::text[]) UNION SELECT address FROM settlement.payees WHERE address = ANY($1::text[]) AND payee_index IS NOT NULL',
      [payees],
    );
    return new Set(rows.map(({ payee }) => payee));
  }

  /** Payees that are known by proof or by name, in order of address, after one. */
  async page(manager: EntityManager, after: string | undefined, limit: number): Promise<PayeeWithProofs[]> {
    const rows = await manager.query<{ payee: string; index: number | null; proofs: { subject: PayeeSubject; scheme: PayeeProofScheme; provedAtMs: number }[] }[]>(
      `SELECT a.payee, p.payee_index AS index,
         COALESCE((SELECT jsonb_agg(jsonb_build_object('subject', f.subject, 'scheme', f.scheme, 'provedAtMs', floor(extract(epoch FROM f.proved_at) * 1000)) ORDER BY f.proved_at, f.subject) FROM settlement.payee_proofs f WHERE f.payee = a.payee), '[]') AS proofs
       FROM (SELECT address AS payee FROM settlement.payees UNION SELECT payee FROM settlement.payee_proofs) a LEFT JOIN settlement.payees p ON p.address = a.payee
       WHERE $1::text IS NULL OR a.payee COLLATE "C" > $1 ORDER BY a.payee COLLATE "C" LIMIT $2`,
      [after ?? null, limit],
    );
    return rows;
  }
}
