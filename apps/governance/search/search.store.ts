import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { movingLock } from './search-queue.store.js';
import { unpackBundle } from '#merkle';
import { failure, parseEnvelope, requestTypes, type RecordType, type SearchFilter } from '#protocol';

export interface Found {
  readonly index: number;
  readonly id: string;
}

/** Where an anchor is recorded; without a tenant it is the operator's. */
export interface AnchorRecord {
  readonly id: string;
  readonly tenant: string | null;
}

export interface Search extends SearchFilter {
  readonly tenant: string | null;
  readonly type?: RecordType | undefined;
  /** Index of the last entry of the page before. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** What each filter asks of a row. */
const conditions: Readonly<Record<keyof SearchFilter | 'type' | 'tenant', string>> = {
  tenant: 'tenant = $',
  type: 'type = $',
  record: 'id = $',
  fromMs: 'time_ms >= $',
  untilMs: 'time_ms <= $',
  project: 'project = $',
  keyId: 'key_id = $',
  model: 'model = $',
  network: 'network = $',
  region: 'region = $',
  decision: 'decision = $',
  policy: 'policy = $',
  policyVersion: 'policy_version = $',
  costMinNanos: 'cost_nanos >= $',
  costMaxNanos: 'cost_nanos <= $',
};

/** What both tables have. */
const ofBoth: ReadonlySet<string> = new Set(['tenant', 'fromMs', 'untilMs', 'policy']);

/** Finds entries; row-level security decides whose. */
@Injectable()
export class SearchStore {
  /** Newest first. Only what is asked for is in the statement, so that each search is planned as what it is. Error: `REQUEST_INVALID` when `after` is no entry. */
  async find(manager: EntityManager, { after, limit, ...filter }: Search): Promise<Found[]> {
    const given = Object.entries(filter).filter(([, value]) => value !== undefined && value !== null);
    const values = given.map(([, value]) => (typeof value === 'bigint' ? value.toString() : value));
    const afterMs = after === undefined ? undefined : await this.timeOf(manager, after);
    /** From `search_entries` as `e`; of what `search_policies`, as `p`, has as well, from there. */
    const newest = (from: string, of: 'e' | 'p'): string => {
      const where = given.map(([name], at) => `${ofBoth.has(name) ? of : 'e'}.${conditions[name as keyof typeof conditions]}${at + 1}`);
      if (afterMs !== undefined) where.push(`(${of}.time_ms, ${of}.index) < ($${given.length + 2}, $${given.length + 3})`);
      return `SELECT e.index, e.id, e.time_ms FROM ${from} ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ${of}.time_ms DESC, ${of}.index DESC LIMIT $${given.length + 1}`;
    };
    const first = newest('governance.search_entries e', 'e');
    const others = newest('governance.search_policies p JOIN governance.search_entries e ON e.index = p.index', 'p');
    const rows = await manager.query<{ index: string; id: string }[]>(
      filter.policy === undefined ? first : `SELECT index, id FROM ((${first}) UNION ALL (${others})) found ORDER BY time_ms DESC, index DESC LIMIT $${given.length + 1}`,
      [...values, limit, ...(afterMs === undefined ? [] : [afterMs, after])],
    );
    return rows.map(({ index, id }) => ({ index: Number(index), id }));
  }

  /**
   * Record ids of the next anchors after an entry that a tenant may be shown: its own payer's and the operator's, oldest first. What this says is
   * no proof: the entries are.
   */
  async anchorsAfter(manager: EntityManager, tenant: string, { timeMs, index }: { timeMs: number; index: number }, limit: number): Promise<AnchorRecord[]> {
    const of = (whose: string): string => `(SELECT id, tenant, time_ms, index FROM governance.search_entries
      WHERE ${whose} AND type = 'epoch.settled' AND time_ms >= $2 AND index > $3 ORDER BY time_ms, index LIMIT $4)`;
    return manager.query<AnchorRecord[]>(`SELECT id, tenant FROM (${of('tenant = $1')} UNION ALL ${of('tenant IS NULL')}) found ORDER BY time_ms, index LIMIT $4`, [tenant, timeMs, index, limit]);
  }

  /** Removes what a person's entries are found by, in the transaction that destroys their key; gives how many. What comes later is not taken in. */
  async removePerson(manager: EntityManager, tenant: string, personKey: string): Promise<number> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [movingLock]);
    const [removed] = await manager.query<{ count: number }[]>('WITH gone AS (DELETE FROM governance.search_entries WHERE tenant = $1 AND person_key = $2 RETURNING 1) SELECT count(*)::int AS count FROM gone', [tenant, personKey]);
    return removed!.count;
  }

  /** Removes what requests of a time are found by, from its first millisecond to before its last; gives how many. */
  async removeRequests(manager: EntityManager, tenant: string, fromMs: number, untilMs: number): Promise<number> {
    const [removed] = await manager.query<{ count: number }[]>(
      'WITH gone AS (DELETE FROM governance.search_entries WHERE tenant = $1 AND time_ms >= $2 AND time_ms < $3 AND type = ANY($4::text[]) RETURNING 1) SELECT count(*)::int AS count FROM gone',
      [tenant, fromMs, untilMs, requestTypes],
    );
    return removed!.count;
  }

  /** From the log itself: what an entry is found by may be removed between two pages, and the entry never is. */
  private async timeOf(manager: EntityManager, index: number): Promise<number> {
    const [row] = await manager.query<{ first: string; entries: Buffer }[]>('SELECT first, entries FROM governance.log_bundles WHERE first <= $1 ORDER BY first DESC LIMIT 1', [index]);
    const envelope = row && unpackBundle(row.entries)[index - Number(row.first)];
    if (envelope === undefined) throw failure('REQUEST_INVALID', '"after" is the index of an entry of the page before');
    return Date.parse(parseEnvelope(envelope).time);
  }
}
