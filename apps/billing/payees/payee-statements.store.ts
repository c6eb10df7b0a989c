import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { DrawnLine, EarnedLine, SharedLine } from '#protocol';

/** Whose account, of one organisation or of all that the transaction sees, and when. The payee in lower case. */
export interface Asked {
  readonly payee: string;
  readonly tenant: string | null;
  readonly fromMs: number;
  readonly toMs: number;
}

const dayMs = 86_400_000;

/** Charges `c` of the payee's machines: `$1` payee, `$2` tenant. A machine that is not known yet has no payee. */
const earnedBy = 'FROM billing.charges c JOIN billing.nodes n ON n.id = c.node WHERE n.payout_address = $1 AND ($2::uuid IS NULL OR c.tenant = $2)';
const drawnFor = 'FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement WHERE l.payee = $1 AND ($2::uuid IS NULL OR l.tenant = $2)';

const heldOf = 'FROM billing.holdbacks h JOIN billing.charges c ON c.record = h.record JOIN billing.nodes n ON n.id = h.node WHERE n.payout_address = $1 AND ($2::uuid IS NULL OR h.tenant = $2)';

/** Royalties that the payee got as an owner of data, and gave as the one whose machine did the work. */
const sharedWith = `FROM (SELECT booked_at_ms, tenant, dataset, payer AS other, record, amount_nanos FROM billing.royalties WHERE owner = $1
  UNION ALL SELECT booked_at_ms, tenant, dataset, owner, record, -amount_nanos FROM billing.royalties WHERE payer = $1) r WHERE ($2::uuid IS NULL OR r.tenant = $2)`;

/** What a payee earned and what was drawn for it, by the charges and the draws themselves. */
@Injectable()
export class PayeeStatementsStore {
  async isPayee(manager: EntityManager, { payee, tenant }: Asked): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`SELECT 1 FROM billing.accounts WHERE kind = 'payable' AND split_part(code, ':', 3) = $1 AND ($2::text IS NULL OR tenant = $2) LIMIT 1`, [payee, tenant]);
    return rows.length > 0;
  }

  /** Earned, got, not given and not drawn before the period, in nano-dollars. */
  async openingNanos(manager: EntityManager, { payee, tenant, fromMs }: Asked): Promise<bigint> {
    const [row] = await manager.query<{ nanos: string }[]>(
      `SELECT (SELECT COALESCE(sum(COALESCE(c.earned_nanos, c.amount_nanos)), 0) ${earnedBy} AND c.charged_at_ms < $3)
         + (SELECT COALESCE(sum(r.amount_nanos), 0) ${sharedWith} AND r.booked_at_ms < $3) - (SELECT COALESCE(sum(l.nanos), 0) ${drawnFor} AND s.drawn_at_ms < $3)
         - (SELECT COALESCE(sum(h.forfeited_nanos), 0) ${heldOf} AND h.ended_at_ms < $3) AS nanos`,
      [payee, tenant, fromMs],
    );
    return BigInt(row!.nanos);
  }

  /** Lost in the period, and at its end still held: also what was released since. */
  async held(manager: EntityManager, { payee, tenant, fromMs, toMs }: Asked): Promise<{ forfeitedNanos: bigint; heldNanos: bigint }> {
    const [row] = await manager.query<{ forfeited: string; held: string }[]>(
      `SELECT COALESCE(sum(h.forfeited_nanos) FILTER (WHERE h.ended_at_ms >= $3 AND h.ended_at_ms < $4), 0) AS forfeited,
         COALESCE(sum(h.amount_nanos) FILTER (WHERE (h.ended_at_ms IS NULL OR h.ended_at_ms >= $4) AND c.charged_at_ms < $4), 0) AS held ${heldOf}`,
      [payee, tenant, fromMs, toMs],
    );
    return { forfeitedNanos: BigInt(row!.forfeited), heldNanos: BigInt(row!.held) };
  }

  /** At most `limit` lines, in order of day, organisation and machine. */
  async earned(manager: EntityManager, { payee, tenant, fromMs, toMs }: Asked, limit: number): Promise<EarnedLine[]> {
    const rows = await manager.query<(Pick<EarnedLine, 'tenant' | 'node' | 'nodeName' | 'model' | 'endpoint'> & { day: string; jobs: string; input: string; output: string; nanos: string })[]>(
      `SELECT e.day, e.tenant, e.node, e.name AS "nodeName", e.model, e.endpoint, count(*) AS jobs, sum(e.input_tokens) AS input, sum(e.output_tokens) AS output, sum(e.amount_nanos) AS nanos FROM (
         SELECT c.charged_at_ms / ${dayMs} * ${dayMs} AS day, c.tenant, c.node, n.name, c.input_tokens, c.output_tokens, COALESCE(c.earned_nanos, c.amount_nanos) AS amount_nanos,
           COALESCE((SELECT a.model FROM billing.admissions a WHERE a.record = c.record), (SELECT o.model FROM billing.offers o WHERE o.id = c.offer), '') AS model,
           COALESCE((SELECT a.endpoint FROM billing.admissions a WHERE a.record = c.record), '') AS endpoint
         ${earnedBy} AND c.charged_at_ms >= $3 AND c.charged_at_ms < $4) e
       GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 5, 6 LIMIT $5`,
      [payee, tenant, fromMs, toMs, limit],
    );
    return rows.map(({ day, jobs, input, output, nanos, ...line }) => ({ ...line, dayMs: Number(day), jobs: Number(jobs), inputTokens: Number(input), outputTokens: Number(output), amountNanos: BigInt(nanos) }));
  }

  async shared(manager: EntityManager, { payee, tenant, fromMs, toMs }: Asked, limit: number): Promise<SharedLine[]> {
    const rows = await manager.query<(Pick<SharedLine, 'tenant' | 'dataset' | 'with'> & { day: string; records: string; nanos: string })[]>(
      `SELECT r.booked_at_ms / ${dayMs} * ${dayMs} AS day, r.tenant, r.dataset, r.other AS "with", count(DISTINCT r.record) AS records, sum(r.amount_nanos) AS nanos
       ${sharedWith} AND r.booked_at_ms >= $3 AND r.booked_at_ms < $4 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT $5`,
      [payee, tenant, fromMs, toMs, limit],
    );
    return rows.map(({ day, records, nanos, ...line }) => ({ ...line, dayMs: Number(day), records: Number(records), amountNanos: BigInt(nanos) }));
  }

  async drawn(manager: EntityManager, { payee, tenant, fromMs, toMs }: Asked, limit: number): Promise<DrawnLine[]> {
    const rows = await manager.query<{ statement: string; tenant: string; units: string; nanos: string; drawn_at_ms: string; state: DrawnLine['state']; settled_tx: string | null }[]>(
      `SELECT l.statement, l.tenant, l.units, l.nanos, s.drawn_at_ms, s.state, s.settled_tx ${drawnFor} AND s.drawn_at_ms >= $3 AND s.drawn_at_ms < $4 ORDER BY s.drawn_at_ms, l.statement LIMIT $5`,
      [payee, tenant, fromMs, toMs, limit],
    );
    return rows.map(({ units, nanos, drawn_at_ms: at, settled_tx: settledTx, ...line }) => ({ ...line, units: BigInt(units), amountNanos: BigInt(nanos), drawnAtMs: Number(at), settledTx }));
  }
}
