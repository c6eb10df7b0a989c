import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MeterQuantities, Nanos } from '#kernel';
import { runNamed } from '../ledger/named-statement.js';
import type { Charge, ChargeParts } from './charge.js';

export interface BookedCharge {
  readonly record: string;
  readonly tenant: string;
  readonly project: string;
  readonly node: string;
  readonly offer: string;
  readonly priceVersion: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly meters?: MeterQuantities;
  readonly amountNanos: Nanos;
  readonly chargedAtMs: number;
}

const toRow = ({ facts, recordType, amountNanos, inputHash }: Charge, { earnedNanos, networkFeeNanos }: ChargeParts): object => ({
  record: facts.record,
  tenant: facts.tenant,
  project: facts.project,
  budget: facts.budget,
  lease: facts.lease,
  node: facts.node,
  offer: facts.offer,
  price_version: facts.priceVersion,
  outcome: facts.outcome,
  usage_source: facts.usageSource,
  input_tokens: facts.usage.inputTokens,
  output_tokens: facts.usage.outputTokens,
  meters: facts.usage.meters,
  amount_nanos: amountNanos.toString(),
  ...(earnedNanos === amountNanos ? {} : { earned_nanos: earnedNanos.toString(), network_fee_nanos: networkFeeNanos.toString() }),
  response_hash: facts.responseHash,
  record_type: recordType,
  closed_by: facts.closedBy,
  input_hash: inputHash,
  charged_at_ms: facts.completedAtMs,
});

@Injectable()
export class ChargesStore {
  /** Inserts the charges whose record has none yet; answers those records. */
  async insert(manager: EntityManager, charges: readonly Charge[], parts: ReadonlyMap<Charge, ChargeParts>): Promise<ReadonlySet<string>> {
    const rows = await runNamed<{ record: string }>(
      manager,
      'insert-charges',
      `INSERT INTO billing.charges (record, tenant, project, budget, lease, node, offer, price_version, outcome, usage_source, input_tokens, output_tokens,
         amount_nanos, response_hash, record_type, closed_by, input_hash, charged_at_ms, earned_nanos, network_fee_nanos, meters)
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS c(record uuid, tenant uuid, project uuid, budget uuid, lease uuid, node uuid, offer uuid, price_version uuid,
         outcome text, usage_source text, input_tokens bigint, output_tokens bigint, amount_nanos bigint, response_hash text, record_type text, closed_by text,
         input_hash text, charged_at_ms bigint, earned_nanos bigint, network_fee_nanos bigint, meters jsonb)
       ORDER BY record ON CONFLICT (record) DO NOTHING RETURNING record`,
      [JSON.stringify(charges.map((charge) => toRow(charge, parts.get(charge)!)))],
    );
    return new Set(rows.map((row) => row.record));
  }

  async inputHashes(manager: EntityManager, records: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await manager.query<{ record: string; input_hash: string }[]>('SELECT record, input_hash FROM billing.charges WHERE record = ANY($1::uuid[])', [records]);
    return new Map(rows.map((row) => [row.record, row.input_hash]));
  }

  async find(manager: EntityManager, record: string): Promise<BookedCharge | undefined> {
    const [row] = await manager.query<(Omit<BookedCharge, 'amountNanos' | 'inputTokens' | 'outputTokens' | 'meters' | 'chargedAtMs'> & { meters: MeterQuantities | null } & Record<'amountNanos' | 'inputTokens' | 'outputTokens' | 'chargedAtMs', string>)[]>(
      `SELECT record, tenant, project, node, offer, price_version AS "priceVersion", input_tokens AS "inputTokens", output_tokens AS "outputTokens", meters,
         amount_nanos AS "amountNanos", charged_at_ms AS "chargedAtMs" FROM billing.charges WHERE record = $1`,
      [record],
    );
    if (!row) return undefined;
    const { meters, ...rest } = row;
    return { ...rest, ...(meters && { meters }), amountNanos: BigInt(row.amountNanos), inputTokens: Number(row.inputTokens), outputTokens: Number(row.outputTokens), chargedAtMs: Number(row.chargedAtMs) };
  }
}
