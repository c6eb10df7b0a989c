import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { prepared } from '#service';
import type { NumberedDraft } from '../audit/batch.js';
import { searchEntryOf } from './search-entry.js';

/** Batches that one move takes: some 5,000 entries at most, well below a second of inserting. */
const batchesPerMove = 20;

/** Moving shares this lock; removing what an erased person is found by takes it alone, so that nothing of theirs comes in behind it. */
export const movingLock = 7_013_003;

const columns = ['index', 'id', 'tenant', 'type', 'time_ms', 'project', 'key_id', 'model', 'endpoint', 'data_class', 'decision', 'policy', 'policy_version', 'network', 'region', 'node', 'cost_nanos', 'person_key'].join(', ');

const addToQueue = { name: 'search add', text: 'INSERT INTO governance.search_queue (first, entries) VALUES ($1, $2)' };
const moveBatches = {
  name: 'search move',
  text: `WITH taken AS (DELETE FROM governance.search_queue WHERE first IN (SELECT first FROM governance.search_queue ORDER BY first LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING entries),
      made AS (INSERT INTO governance.search_entries (${columns})
        SELECT ${columns} FROM taken, json_populate_recordset(null::governance.search_entries, taken.entries) AS e
        WHERE e.person_key IS NULL OR NOT EXISTS (SELECT FROM governance.person_keys k WHERE k.id = e.person_key AND k.erasure IS NOT NULL) ON CONFLICT DO NOTHING RETURNING index),
      named AS (INSERT INTO governance.search_policies (index, policy, tenant, time_ms)
        SELECT e.index, more.policy, e.tenant, e.time_ms FROM taken, json_to_recordset(taken.entries) AS e (index bigint, tenant uuid, time_ms bigint, more_policies json), json_array_elements_text(e.more_policies) AS more (policy)
        WHERE e.index IN (SELECT index FROM made) ON CONFLICT DO NOTHING)
    SELECT count(*)::int AS count FROM taken`,
};

/** Entries on their way into the search: one cheap row a batch, in the transaction that logs them. */
@Injectable()
export class SearchQueueStore {
  async add(manager: EntityManager, first: number, entries: readonly NumberedDraft[]): Promise<void> {
    await prepared(manager, addToQueue, [first, JSON.stringify(entries.map(searchEntryOf))]);
  }

  /** Moves some batches into the search; gives how many. Several may run at once. */
  async move(manager: EntityManager): Promise<number> {
    await manager.query('SELECT pg_advisory_xact_lock_shared($1)', [movingLock]);
    const [moved] = await prepared<{ count: number }>(manager, moveBatches, [batchesPerMove]);
    return moved!.count;
  }
}
