import { createHash, randomInt } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { inclusionProof, inclusionSubtrees, leafHash, RightEdge, sha256, toHex, verifyInclusion } from '#merkle';
import { SystemIds } from '#kernel';
import { withTenant } from '#service';
import { batchOf, type Batch } from '../../../apps/governance/audit/batch.js';
import type { EntryDraft } from '../../../apps/governance/audit/entry.js';
import { Kinds } from '../../../apps/governance/audit/kinds.service.js';
import { LogStore } from '../../../apps/governance/audit/log.store.js';
import { CommittedTiles } from '../../../apps/governance/audit/committed-tiles.service.js';
import { TileStore } from '../../../apps/governance/audit/tiles.store.js';
import { SearchStore } from '../../../apps/governance/search/search.store.js';
import { percentile } from '../billing/measured.js';

/** What a transaction of the sequencer takes at 5,000 entries a second in 50 ms: pieces of bundles are cut as they are then. */
const perBatch = 250;
/** Batches that are written together. */
const batchesAtOnce = 64;
const timeMs = Date.UTC(2026, 0, 1);

/** A log that was written by the sequencer's own pieces, without what it does for safety: one transaction holds many batches, nothing is looked up. */
export async function growLog(dataSource: DataSource, entries: number, tenant: { tenant: string; pseudonym: string }): Promise<void> {
  const codeOf = await new Kinds(dataSource).of([{ tenant: tenant.tenant, type: 'admitted' }]);
  const store = new LogStore();
  let edge = RightEdge.empty(sha256);
  let writing: Promise<void> = Promise.resolve();
  while (edge.size < entries) {
    const batches: Batch[] = [];
    while (batches.length < batchesAtOnce && edge.size < entries) {
      const batch = batchOf(edge, Array.from({ length: Math.min(perBatch, entries - edge.size) }, (_, at) => draftOf(edge.size + at, tenant)));
      batches.push({ ...batch, bodies: [] });
      edge = batch.edge;
    }
    // The next entries are made while these are written.
    await writing;
    writing = withTenant(dataSource, '*', (manager) => store.append(manager, merged(batches), codeOf));
  }
  await writing;
  await withTenant(dataSource, '*', (manager) => new TileStore().edge(manager, { size: edge.size, root: edge.root() }));
}

/** One write for many batches, with the pieces that they would have left. */
function merged(batches: readonly Batch[]): Batch {
  const last = batches.at(-1)!;
  return { ...last, oldSize: batches[0]!.oldSize, entries: batches.flatMap(({ entries }) => entries), pieces: batches.flatMap(({ pieces }) => pieces), tiles: batches.flatMap(({ tiles }) => tiles) };
}

let now = timeMs;
/** Five ids a millisecond. */
const ids = new SystemIds({ nowMs: () => now, monotonicMs: () => now });

function draftOf(index: number, { tenant, pseudonym }: { tenant: string; pseudonym: string }): EntryDraft {
  now = timeMs + Math.floor(index / 5);
  const id = ids.uuid();
  const envelope = Buffer.from(`{"id":"${id}","root":"${toHex(sha256(Buffer.from(id)))}","schema":"mizan.record.admitted/2","tenant":"${pseudonym}","time":"2026-01-01T00:00:00.000Z","type":"admitted","v":1}`);
  return { id, type: 'admitted', tenant, timeMs, envelope, leaf: leafHash(sha256, envelope), body: null, fields: null, search: undefined, decision: undefined };
}

/** Milliseconds that it takes to read what a proof is made of and to make it, of entries all over the log, one after the other. */
export async function proofTimes(dataSource: DataSource, size: number, count: number): Promise<number[]> {
  const tiles = new CommittedTiles(dataSource, new TileStore());
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const index = randomInt(size);
    const start = performance.now();
    inclusionProof(sha256, index, size, await tiles.hashes(inclusionSubtrees(index, size), size));
    times.push(performance.now() - start);
  }
  await isRight(dataSource, tiles, size);
  return times.slice(Math.floor(count / 10));
}

/** One of them is verified: a proof that does not hold is no figure. */
async function isRight(dataSource: DataSource, tiles: CommittedTiles, size: number): Promise<void> {
  const index = randomInt(size);
  const proof = inclusionProof(sha256, index, size, await tiles.hashes(inclusionSubtrees(index, size), size));
  const [entry] = await withTenant(dataSource, '*', (manager) => new TileStore().envelopes(manager, index, index + 1));
  if (!verifyInclusion(sha256, { index, size, leafHash: leafHash(sha256, entry!), root: await tiles.rootAt(size), proof })) throw new Error(`the proof of entry ${index} does not hold`);
}

/** What PostgreSQL does by itself when a log has grown by millions, and would otherwise do beside the first readers. */
export async function vacuumed(owner: DataSource): Promise<void> {
  const runner = owner.createQueryRunner();
  try {
    await runner.query('SET statement_timeout = 0');
    await runner.query('VACUUM ANALYZE');
    await runner.query('CHECKPOINT');
    await runner.query('RESET statement_timeout');
  } finally {
    await runner.release();
  }
}

/** Gives every entry of the log its terms for the search, as a month of a bank's requests would have. `owner` may drop and make indexes. */
export async function fillSearch(owner: DataSource): Promise<void> {
  await owner.transaction(async (manager) => {
    // Longer than any statement of a service may take.
    await manager.query('SET LOCAL statement_timeout = 0');
    await fill(manager);
  });
}

async function fill(owner: EntityManager): Promise<void> {
  const indexes = await owner.query<{ indexname: string; indexdef: string }[]>("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'governance' AND tablename = 'search_entries' AND indexname NOT LIKE '%_pkey'");
  for (const { indexname } of indexes) await owner.query(`DROP INDEX governance.${indexname}`);
  await owner.query(`INSERT INTO governance.search_entries (index, id, tenant, type, time_ms, project, key_id, model, endpoint, data_class, decision, policy, policy_version, network, region, node, cost_nanos)
    SELECT e.index, e.id, e.tenant, e.type, ${timeMs} + e.index / 5, md5('p' || e.index % 40)::uuid, md5('k' || e.index % 1000)::uuid, 'model-' || e.index % 12, 'chat', 'internal',
      CASE WHEN e.index % 50 = 0 THEN 'deny' ELSE 'permit' END, 'policy-' || e.index % 7, e.index / 100000, 'mizan', 'region-' || e.index % 9, md5('n' || e.index % 200)::uuid, (e.index * 7919) % 1000000
    FROM governance.log_entries e`);
  for (const { indexdef } of indexes) await owner.query(indexdef);
}

/** As `fillSearch` names keys. */
function keyIdOf(at: number): string {
  const hex = createHash('md5').update(`k${at}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Milliseconds of pages of fifty: by each filter, at random places of the log. */
export async function searchTimes(dataSource: DataSource, tenant: string, size: number, count: number): Promise<number[]> {
  const store = new SearchStore();
  const filters = [
    () => ({}), () => ({ model: `model-${randomInt(12)}` }), () => ({ decision: 'deny' as const }), () => ({ network: 'mizan' }), () => ({ region: `region-${randomInt(9)}` }), () => ({ policy: `policy-${randomInt(7)}` }),
    () => ({ keyId: keyIdOf(randomInt(1_000)) }), () => ({ costMinNanos: BigInt(randomInt(1_000_000)) }), () => ({ fromMs: timeMs + randomInt(Math.ceil(size / 5)) }), () => ({ policyVersion: randomInt(Math.max(1, Math.floor(size / 100_000))) }),
  ];
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const after = at % 2 === 0 ? undefined : randomInt(size);
    const start = performance.now();
    await withTenant(dataSource, tenant, (manager) => store.find(manager, { tenant, ...filters[at % filters.length]!(), after, limit: 50 }));
    times.push(performance.now() - start);
  }
  return times.slice(Math.floor(count / 10));
}

export const p99 = (times: readonly number[]): number => percentile(times, 0.99);
