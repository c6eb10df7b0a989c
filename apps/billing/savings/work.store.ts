import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { machineMeters } from '#kernel';
import type { Meter } from '#kernel';
import { cachedAsInput, meteredSums } from '../usage/metered-lines.js';
import type { DayOfWork } from './compare.js';

const hourMs = 3_600_000;
const dayOf = (ms: string): string => `to_char(to_timestamp(${ms} / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')`;

/** A request and its second copy are admitted within minutes of one another. */
const pairMs = 24 * hourMs;

/**
 * Sums of hours, and of the charges in them that are more than tokens at a price: those that were measured otherwise, that bear a fee, or that are no work:
 * what failed and, of a request that two machines were asked, the copy that is paid for although the other one has done it (whichever ended well; of two alike, the first).
 */
const selectWork = `
  WITH hours AS (
    SELECT u.model, ${dayOf('u.hour_ms')} AS day, sum(u.requests) AS requests, sum(u.input_tokens) AS input, sum(u.output_tokens) AS output, sum(u.amount_nanos) AS paid
    FROM billing.usage_hours u WHERE u.tenant = $1 AND u.hour_ms >= $2 AND u.hour_ms < $3 GROUP BY 1, 2 HAVING sum(u.requests) > 0
  ), spare AS (
    SELECT CASE WHEN second.outcome = 'ok' AND first.outcome <> 'ok' THEN first.record ELSE second.record END AS record
    FROM billing.admissions a JOIN billing.charges second ON second.record = a.record JOIN billing.charges first ON first.record = a.hedge_of AND first.tenant = a.tenant
    WHERE a.tenant = $1 AND a.hedge_of IS NOT NULL AND a.admitted_at_ms >= $4::bigint - ${pairMs} AND a.admitted_at_ms < $5::bigint + ${pairMs} AND first.outcome <> 'failed' AND second.outcome <> 'failed'
  ), charges AS (
    SELECT c.record, c.charged_at_ms, c.offer, c.price_version, c.usage_source, c.input_tokens, c.output_tokens, c.meters, c.amount_nanos, s.record IS NOT NULL AS is_spare, CASE WHEN s.record IS NULL THEN c.outcome ELSE 'failed' END AS outcome
    FROM billing.charges c LEFT JOIN spare s ON s.record = c.record WHERE c.tenant = $1 AND c.charged_at_ms >= $4 AND c.charged_at_ms < $5
  ), metered AS (
    SELECT COALESCE(a.model, '') AS model, ${dayOf('c.charged_at_ms')} AS day, ${meteredSums}, ${cachedAsInput}, sum(c.amount_nanos) AS amount_nanos, count(*) FILTER (WHERE c.is_spare) AS spare,
      COALESCE(sum(c.input_tokens) FILTER (WHERE c.outcome = 'failed'), 0) AS failed_input, COALESCE(sum(c.output_tokens) FILTER (WHERE c.outcome = 'failed'), 0) AS failed_output
    FROM charges c JOIN billing.admissions a ON a.record = c.record LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer
    WHERE c.meters IS NOT NULL OR p.request_nanos IS NOT NULL OR c.outcome = 'failed'
    GROUP BY 1, 2
  )
  SELECT hours.*, ${['spare', 'failed_input', 'failed_output', 'cached_as_input', 'cached_as_input_nanos', 'amount_nanos', 'input_tokens_nanos', 'output_tokens_nanos', ...machineMeters.flatMap((meter) => [meter, `${meter}_nanos`])].map((column) => `metered.${column}`).join(', ')}
  FROM hours LEFT JOIN metered USING (model, day) ORDER BY hours.model, hours.day`;

type WorkRow = Record<'model' | 'day' | 'requests' | 'input' | 'output' | 'paid' | 'spare' | 'failed_input' | 'failed_output' | 'cached_as_input' | 'cached_as_input_nanos' | Meter | `${Meter}_nanos`, string> & {
  /** Null where nothing of the day is measured by meters. */
  readonly amount_nanos: string | null;
};

@Injectable()
export class WorkStore {
  /** By model and day of UTC, in the hours that begin in the period. */
  async byDay(manager: EntityManager, { tenant, fromMs, toMs }: { tenant: string; fromMs: number; toMs: number }): Promise<DayOfWork[]> {
    const hourFrom = (ms: number): number => Math.ceil(ms / hourMs) * hourMs;
    return (await manager.query<WorkRow[]>(selectWork, [tenant, fromMs, toMs, hourFrom(fromMs), hourFrom(toMs)])).map(workOf);
  }
}

function workOf(row: WorkRow): DayOfWork {
  const { model, day } = row;
  const requests = Number(row.requests);
  if (row.amount_nanos === null) return { model, day, requests, inputTokens: Number(row.input), outputTokens: Number(row.output), paidNanos: BigInt(row.paid), meters: [], otherNanos: 0n };
  const linesNanos = (['input_tokens', 'output_tokens', ...machineMeters] as const).reduce((sum, meter) => sum + BigInt(row[`${meter}_nanos`]), 0n);
  const otherNanos = BigInt(row.amount_nanos) - linesNanos;
  // Cached input is work of its own kind, also where it has no price of its own here.
  const asInput = { quantity: Number(row.cached_as_input), paidNanos: BigInt(row.cached_as_input_nanos) };
  const meters = machineMeters
    .map((meter) => ({ meter, quantity: Number(row[meter]) + (meter === 'cached_tokens' ? asInput.quantity : 0), paidNanos: BigInt(row[`${meter}_nanos`]) + (meter === 'cached_tokens' ? asInput.paidNanos : 0n) }))
    .filter(({ quantity, paidNanos }) => quantity > 0 || paidNanos !== 0n);
  const cached = meters.find(({ meter }) => meter === 'cached_tokens')?.quantity ?? 0;
  return {
    ...{ model, day, meters, otherNanos },
    requests: requests - Number(row.spare),
    inputTokens: Number(row.input) - Number(row.failed_input) - cached,
    outputTokens: Number(row.output) - Number(row.failed_output),
    paidNanos: BigInt(row.paid) - otherNanos - meters.reduce((sum, { paidNanos }) => sum + paidNanos, 0n),
  };
}
