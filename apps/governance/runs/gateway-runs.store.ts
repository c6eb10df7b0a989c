import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { closedRun, decisionCount, packRecords, type ClosedRun, type DecisionCount } from '#protocol';
import type { NumberedDraft } from '../audit/batch.js';
import { DecisionCountStore } from './decision-counts.store.js';

/** Runs closed by one transaction. */
const closedAtOnceMax = 100;

/** How far gateways have counted their decisions, and what has arrived beyond. Every method runs in a transaction that sees all tenants. */
@Injectable()
export class GatewayRunStore {
  constructor(private readonly counts: DecisionCountStore) {}

  /** Takes notice of entries that are new in the log, in the transaction that brings them. */
  async observe(manager: EntityManager, entries: readonly NumberedDraft[]): Promise<void> {
    await this.keepDecisions(manager, entries);
    await this.counts.keep(manager, entries);
    for (const entry of entries) if (entry.type === 'decisions.counted') await this.counted(manager, decisionCount.safeParse(entry.fields).data);
  }

  /**
   * Marks runs as ended that have been silent too long, and gives what is known of each; several processes share them. One that gives
   * a sign afterwards is open again.
   */
  async closeSilent(manager: EntityManager, uncountedMs: number, silentMs: number): Promise<ClosedRun[]> {
    const runs = await manager.query<{ run: string; gateway: string; counted_to: string; highest: string }[]>(
      `SELECT run, gateway, counted_to, highest FROM governance.gateway_runs
       WHERE NOT has_ended AND last_sign_at < now() - $1 * interval '1 ms' AND (highest > counted_to OR last_sign_at < now() - $2 * interval '1 ms')
       ORDER BY last_sign_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [uncountedMs, silentMs, closedAtOnceMax],
    );
    if (runs.length === 0) return [];
    const ids = [runs.map(({ run }) => run)];
    const tails = await manager.query<{ run: string; number: string; record: string }[]>(
      `SELECT t.run, d.number, d.record FROM governance.gateway_run_tails t JOIN governance.gateway_runs r USING (run)
       CROSS JOIN LATERAL unnest(t.numbers, t.records) AS d (number, record) WHERE t.run = ANY($1::uuid[]) AND d.number > r.counted_to ORDER BY t.run, d.number`,
      ids,
    );
    await manager.query('UPDATE governance.gateway_runs SET has_ended = true WHERE run = ANY($1::uuid[])', ids);
    return runs.map(({ run, gateway, counted_to: countedTo, highest }) => {
      const arrived = tails.filter((tail) => tail.run === run);
      return closedRun.parse(lastKnown(run, gateway, Number(countedTo), Number(highest), new Map(arrived.map(({ number, record }) => [Number(number), record]))));
    });
  }

  private async keepDecisions(manager: EntityManager, entries: readonly NumberedDraft[]): Promise<void> {
    const runs = new Map<string, { gateway: string; numbers: number[]; records: string[] }>();
    for (const { decision, id } of entries) {
      if (decision === undefined) continue;
      const of = runs.get(decision.run) ?? { gateway: decision.gateway, numbers: [], records: [] };
      runs.set(decision.run, of);
      of.numbers.push(decision.number);
      of.records.push(id);
    }
    for (const [run, { gateway, numbers, records }] of runs) {
      const upto = Math.max(...numbers);
      await manager.query(
        `INSERT INTO governance.gateway_runs AS r (run, gateway, highest) VALUES ($1, $2, $3)
         ON CONFLICT (run) DO UPDATE SET highest = greatest(r.highest, excluded.highest), last_sign_at = now(), has_ended = false`,
        [run, gateway, upto],
      );
      await manager.query('INSERT INTO governance.gateway_run_tails (run, upto, numbers, records) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING', [run, upto, numbers, records]);
    }
  }

  private async counted(manager: EntityManager, count: DecisionCount | undefined): Promise<void> {
    if (count === undefined) return;
    await manager.query(
      `INSERT INTO governance.gateway_runs AS r (run, gateway, counted_to, highest, has_ended) VALUES ($1, $2, $3, $3, $4)
       ON CONFLICT (run) DO UPDATE SET counted_to = greatest(r.counted_to, excluded.counted_to), highest = greatest(r.highest, excluded.highest), last_sign_at = now(), has_ended = excluded.has_ended`,
      [count.run, count.gateway, count.to, count.final],
    );
    await manager.query('DELETE FROM governance.gateway_run_tails WHERE run = $1 AND upto <= $2', [count.run, count.to]);
  }
}

/** Numbers that are not there are named while they are few; a gap of millions is no gateway's doing. */
const missingMax = 4_096;

function lastKnown(run: string, gateway: string, countedTo: number, highest: number, arrived: ReadonlyMap<number, string>): unknown {
  const missing: number[] = [];
  for (let number = countedTo + 1; number <= highest && missing.length < missingMax; number++) if (!arrived.has(number)) missing.push(number);
  return { gateway, run, countedTo, lastKnown: Math.max(countedTo, highest), numbers: [...arrived.keys()], records: packRecords([...arrived.values()]), missing };
}
