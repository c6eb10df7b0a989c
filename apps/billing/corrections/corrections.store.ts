import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Correction, Usage } from '#protocol';
import { usageKey } from '../usage/usage-statement.js';
import type { BilledRequest, Difference } from './correction.js';

interface Row {
  id: string;
  tenant: string;
  record: string;
  usage: Usage;
  amount_nanos: string;
  reason: string;
  made_at_ms: string;
  input_hash: string;
}

const columns = 'id, tenant, record, usage, amount_nanos, reason, made_at_ms, input_hash';
const fromRow = ({ amount_nanos: amount, made_at_ms: at, input_hash: _, ...row }: Row): Correction => ({ ...row, amountNanos: BigInt(amount), madeAtMs: Number(at) });

/** Where a charge whose admission is known is counted. */
const hourOf = 'c.charged_at_ms / 3600000 * 3600000';

@Injectable()
export class CorrectionsStore {
  async find(manager: EntityManager, id: string): Promise<{ correction: Correction; inputHash: string } | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.corrections WHERE id = $1`, [id]);
    return row && { correction: fromRow(row), inputHash: row.input_hash };
  }

  /** A charge with what was corrected and credited of it; `isAdmitted` false: only its end has been heard of. */
  async billed(manager: EntityManager, tenant: string, record: string): Promise<(BilledRequest & { priceVersion: string; offer: string; isAdmitted: boolean }) | undefined> {
    const [row] = await manager.query<{ usage: Usage | null; input: string; output: string; meters: Usage['meters'] | null; amount: string; corrected: string; adjusted: string; version: string; offer: string; admitted: boolean }[]>(
      `SELECT (SELECT k.usage FROM billing.corrections k WHERE k.record = c.record ORDER BY k.number DESC LIMIT 1) AS usage, c.input_tokens AS input, c.output_tokens AS output, c.meters, c.amount_nanos AS amount,
         (SELECT COALESCE(sum(k.amount_nanos), 0) FROM billing.corrections k WHERE k.record = c.record) AS corrected, (SELECT COALESCE(sum(j.amount_nanos), 0) FROM billing.adjustments j WHERE j.record = c.record) AS adjusted,
         c.price_version AS version, c.offer, a.admitted_at_ms IS NOT NULL AS admitted
       FROM billing.charges c JOIN billing.admissions a ON a.record = c.record WHERE c.record = $2 AND c.tenant = $1`,
      [tenant, record],
    );
    if (!row) return undefined;
    const charged: Usage = { inputTokens: Number(row.input), outputTokens: Number(row.output), ...(row.meters && { meters: row.meters }) };
    return { usage: row.usage ?? charged, amountNanos: BigInt(row.amount) + BigInt(row.corrected), owedNanos: BigInt(row.amount) + BigInt(row.adjusted), priceVersion: row.version, offer: row.offer, isAdmitted: row.admitted };
  }

  async insert(manager: EntityManager, { id, tenant, record, usage, amountNanos, reason, madeAtMs }: Correction, difference: Difference, inputHash: string, by: string | null): Promise<void> {
    await manager.query(
      'INSERT INTO billing.corrections (id, tenant, record, usage, input_tokens, output_tokens, meters, amount_nanos, reason, input_hash, made_by, made_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)',
      [id, tenant, record, JSON.stringify(usage), difference.inputTokens, difference.outputTokens, JSON.stringify(difference.meters), amountNanos, reason, inputHash, by, madeAtMs],
    );
  }

  /** Usage by the hour shows what is true, in the hour of the request. */
  async count(manager: EntityManager, record: string, { inputTokens, outputTokens, meters, amountNanos }: Difference): Promise<void> {
    await manager.query(
      `UPDATE billing.usage_hours u SET input_tokens = u.input_tokens + $2, output_tokens = u.output_tokens + $3, amount_nanos = u.amount_nanos + $4
       FROM billing.charges c JOIN billing.admissions a ON a.record = c.record
       WHERE c.record = $1 AND u.tenant = c.tenant AND u.hour_ms = ${hourOf} AND u.project = c.project AND u.key_id = a.key_id AND u.model = a.model AND u.endpoint = a.endpoint AND u.tags = a.cost_tags`,
      [record, inputTokens, outputTokens, amountNanos],
    );
    await manager.query(
      `INSERT INTO billing.usage_meters AS u (tenant, hour_ms, project, key_id, model, endpoint, tags, meter, quantity)
       SELECT c.tenant, ${hourOf}, c.project, a.key_id, a.model, a.endpoint, a.cost_tags, m.key, m.value::numeric
       FROM billing.charges c JOIN billing.admissions a ON a.record = c.record CROSS JOIN LATERAL jsonb_each_text($2::jsonb) AS m(key, value) WHERE c.record = $1 ORDER BY m.key
       ON CONFLICT (${usageKey}, meter) DO UPDATE SET quantity = u.quantity + EXCLUDED.quantity`,
      [record, JSON.stringify(meters)],
    );
  }

  async list(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<Correction[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.corrections WHERE tenant = $1 AND ($2::text IS NULL OR id::text COLLATE "C" > $2) ORDER BY id LIMIT $3`, [tenant, after ?? null, limit])).map(fromRow);
  }
}
