import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { DayOfWork } from './compare.js';

@Injectable()
export class WorkStore {
  /** By model and day of UTC, in the hours that begin in the period. */
  async byDay(manager: EntityManager, { tenant, fromMs, toMs }: { tenant: string; fromMs: number; toMs: number }): Promise<DayOfWork[]> {
    const rows = await manager.query<Record<'model' | 'day' | 'requests' | 'input' | 'output' | 'nanos', string>[]>(
      `SELECT u.model, to_char(to_timestamp(u.hour_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, sum(u.requests) AS requests, sum(u.input_tokens) AS input, sum(u.output_tokens) AS output, sum(u.amount_nanos) AS nanos
       FROM billing.usage_hours u WHERE u.tenant = $1 AND u.hour_ms >= $2 AND u.hour_ms < $3 GROUP BY 1, 2 HAVING sum(u.requests) > 0 ORDER BY 1, 2`,
      [tenant, fromMs, toMs],
    );
    return rows.map(({ model, day, requests, input, output, nanos }) => ({ model, day, requests: Number(requests), inputTokens: Number(input), outputTokens: Number(output), paidNanos: BigInt(nanos) }));
  }
}
