import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { receiptBody } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { runNamed } from '../ledger/named-statement.js';
import type { Receipt } from './receipt.js';

/** Why a receipt is not matched by the charge of its record; NULL when it is. */
const mismatch = `CASE WHEN c.node <> r.node THEN 'other_node'
  WHEN c.input_tokens <> r.input_tokens OR c.output_tokens <> r.output_tokens OR c.meters IS DISTINCT FROM r.meters THEN 'usage_differs'
  WHEN c.offer <> r.offer OR c.response_hash <> r.response_hash OR a.request_hash <> r.request_hash THEN 'content_differs' END`;

const matchReceipts = `
  UPDATE billing.receipts r SET tenant = c.tenant, reason = ${mismatch}, state = CASE WHEN ${mismatch} IS NULL THEN 'matched' ELSE 'claim' END
  FROM billing.charges c LEFT JOIN billing.admissions a ON a.record = c.record
  WHERE c.record = r.record AND r.state = 'claim' AND r.reason = 'no_charge'`;

const digestOf = ({ bytes }: SignedReceipt): string => createHash('sha256').update(bytes).digest('hex');

@Injectable()
export class ReceiptsStore {
  /** Keeps each receipt once. Answers those beside which another one is kept: same record and node, other bytes. */
  async add(manager: EntityManager, receipts: readonly Receipt[], nowMs: number): Promise<Receipt[]> {
    if (receipts.length === 0) return [];
    const rows = receipts.map(({ signed, body, state }) => ({
      record: body.record,
      node: body.node,
      digest: digestOf(signed),
      offer: body.offer,
      ...signed,
      model: body.model,
      endpoint: body.endpoint,
      request_hash: body.requestHash,
      response_hash: body.responseHash,
      input_tokens: body.usage.inputTokens,
      output_tokens: body.usage.outputTokens,
      meters: body.usage.meters,
      ended_at_ms: body.endedAtMs,
      state,
      received_at_ms: nowMs,
    }));
    await runNamed(
      manager,
      'add-receipts',
      `INSERT INTO billing.receipts (record, node, digest, offer, bytes, signature, model, endpoint, request_hash, response_hash, input_tokens, output_tokens, ended_at_ms, state, received_at_ms, meters)
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(record uuid, node uuid, digest text, offer uuid, bytes text, signature text, model text, endpoint text, request_hash text,
         response_hash text, input_tokens bigint, output_tokens bigint, ended_at_ms bigint, state text, received_at_ms bigint, meters jsonb)
       ORDER BY record, node, digest ON CONFLICT (record, node, digest) DO NOTHING`,
      [JSON.stringify(rows)],
    );
    const several = await runNamed<{ record: string; node: string }>(manager, 'several-receipts', 'SELECT record, node FROM billing.receipts WHERE record = ANY($1::uuid[]) GROUP BY record, node HAVING count(*) > 1', [receipts.map(({ body }) => body.record)]);
    const contested = new Set(several.map(({ record, node }) => `${record} ${node}`));
    return receipts.filter(({ body }) => contested.has(`${body.record} ${body.node}`));
  }

  /** Compares the verified receipts of the given records (all unmatched ones: `null`) with the charges of these. */
  async match(manager: EntityManager, records: readonly string[] | null): Promise<void> {
    if (records === null) await manager.query(matchReceipts);
    else await runNamed(manager, 'match-receipts', `${matchReceipts} AND r.record = ANY($1::uuid[])`, [records]);
  }

  /** Verified receipts of a record, the first ended first. */
  async verifiedOf(manager: EntityManager, record: string): Promise<Receipt[]> {
    const rows = await manager.query<SignedReceipt[]>(`SELECT bytes, signature FROM billing.receipts WHERE record = $1 AND state <> 'unverified' ORDER BY ended_at_ms, node, digest`, [record]);
    // What an earlier release took may say of its usage what this one does not take: it pays for nothing, and holds nothing up.
    return rows.flatMap(({ bytes, signature }): Receipt[] => {
      const body = receiptBody.safeParse(JSON.parse(Buffer.from(bytes, 'base64').toString('utf8'))).data;
      return body === undefined ? [] : [{ signed: { bytes, signature }, body, state: 'claim' }];
    });
  }

  /** Receipts that came before their node's key, up to `max`, with the key that is known by now. */
  async verifiable(manager: EntityManager, max: number): Promise<{ record: string; node: string; digest: string; publicKey: string; signed: SignedReceipt }[]> {
    const rows = await manager.query<{ record: string; node: string; digest: string; public_key: string; bytes: string; signature: string }[]>(
      `SELECT r.record, r.node, r.digest, n.public_key, r.bytes, r.signature FROM billing.receipts r JOIN billing.nodes n ON n.id = r.node
       WHERE r.state = 'unverified' AND r.reason <> 'bad_signature' ORDER BY r.record LIMIT $1 FOR UPDATE OF r SKIP LOCKED`,
      [max],
    );
    return rows.map(({ record, node, digest, public_key: publicKey, bytes, signature }) => ({ record, node, digest, publicKey, signed: { bytes, signature } }));
  }

  /** A receipt whose signature turned out good, or not: then it stays what it is, a claim that nothing supports. */
  async setVerified(manager: EntityManager, { record, node, digest }: { record: string; node: string; digest: string }, genuine: boolean): Promise<void> {
    await manager.query(`UPDATE billing.receipts SET state = CASE WHEN $4 THEN 'claim' ELSE state END, reason = CASE WHEN $4 THEN 'no_charge' ELSE 'bad_signature' END WHERE record = $1 AND node = $2 AND digest = $3`, [record, node, digest, genuine]);
  }

  /** Those of the given (record, node) whose charge is in a settled statement. */
  async settledOf(manager: EntityManager, records: readonly string[]): Promise<{ record: string; node: string }[]> {
    return manager.query(
      `SELECT c.record, c.node FROM billing.statement_charges d JOIN billing.statements s ON s.id = d.statement JOIN billing.charges c ON c.record = d.record
       WHERE d.record = ANY($1::uuid[]) AND s.state = 'settled'`,
      [records],
    );
  }
}
