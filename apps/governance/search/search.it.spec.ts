import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource, EntityManager } from 'typeorm';
import { generateSealKeys, operatorRecord, Sealer, sealRecord, type LogRecord, type RecordFields, type RecordType, type SearchFilter } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase, type TestDatabase } from '#testing';
import { sequencerOn } from '../audit/sequencer-harness.js';
import { governance } from '../governance.service-definition.js';
import { newPseudonym } from '../organisations/organisation.js';
import { SearchIndexer } from './search-indexer.service.js';
import { SearchQueueStore } from './search-queue.store.js';
import { SearchStore, type Search } from './search.store.js';

const banks = [0, 1].map(() => ({ tenant: randomUUID(), pseudonym: newPseudonym() }));
const [bank, other] = banks as [(typeof banks)[number], (typeof banks)[number]];
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const store = new SearchStore();
const [alice, bob] = [randomUUID(), randomUUID()];
const projects = [0, 1, 2].map(() => randomUUID());
let database: TestDatabase;
let dataSource: DataSource;
let indexer: SearchIndexer;

/** What is searched for is in the body of a record, as the gateway writes it. */
interface Told {
  readonly index: number;
  readonly record: string;
  readonly project: string;
  readonly type: RecordType;
  readonly timeMs: number;
  readonly keyId: string;
  readonly model: string;
  readonly region: string;
  readonly network: string;
  readonly decision: 'permit' | 'deny';
  readonly policies: readonly string[];
  readonly policyVersion: number;
  readonly costNanos: bigint | null;
}
const told: Told[] = [];
const recordOf = (entry: Told, of = bank, id: string = randomUUID()): LogRecord => {
  const { keyId, model, region, network, decision, policies, policyVersion, costNanos } = entry;
  const fields: RecordFields = {
    principal: { keyId, project: entry.project, role: 'developer' }, model, decision, policyVersion, subject: 'a person', purpose: 'secret',
    policies: policies.map((id) => ({ id, reason: null })), machine: { region, network, node: bank.tenant },
    ...(costNanos === null ? {} : { chargeNanos: costNanos.toString() }),
  };
  return sealRecord({ id, type: entry.type, timeMs: entry.timeMs, fields, facts: null }, of, sealer);
};
const find = async (filter: Partial<Search>, as: string = bank.tenant): Promise<number[]> => {
  const found = await withTenant(dataSource, as, (manager) => store.find(manager, { tenant: as === '*' ? null : as, limit: 1_000, ...filter }));
  return found.map(({ index }) => index);
};

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase({ service: 'governance' });
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
  for (const { tenant, pseudonym } of banks) {
    await withTenant(dataSource, '*', (manager) => manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, gen_random_uuid()::text, $2, 0)', [tenant, pseudonym]));
  }
  indexer = new SearchIndexer(dataSource, new SearchQueueStore());
  for (let index = 0; index < 200; index += 1) {
    told.push({
      index, record: randomUUID(), project: projects[index % 3]!, type: index % 4 === 3 ? 'completed' : 'admitted', timeMs: 1_000_000 + Math.floor(index / 3) * 10, keyId: index % 2 ? alice : bob, model: `m${index % 5}`,
      region: index % 7 ? 'eu-frankfurt' : 'us-virginia', network: index % 3 ? 'mizan' : 'akash', decision: index % 11 ? 'permit' : 'deny', policies: [`p${index % 6}`, ...(index % 5 ? [] : ['p5', 'p7']), ...(index % 10 ? [] : ['p9'])],
      policyVersion: 1 + (index % 2), costNanos: index % 4 === 3 ? BigInt(index) * 1_000n : null,
    });
  }
  const sequencer = sequencerOn(dataSource);
  await sequencer.append(told.slice(0, 120).map((entry) => recordOf(entry, bank, entry.record)));
  await sequencer.append(told.slice(120).map((entry) => recordOf(entry, bank, entry.record)));
  await sequencer.append([recordOf(told[0]!, other)]);
  await indexer.drain();
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

/** The same by looking at each. */
const matches = (filter: Partial<SearchFilter> & { type?: RecordType }) => (entry: Told): boolean => {
  const { fromMs, untilMs, costMinNanos, costMaxNanos, policy, ...same } = filter;
  if (policy !== undefined && !entry.policies.includes(policy)) return false;
  if (Object.entries(same).some(([name, value]) => value !== undefined && entry[name as keyof Told] !== value)) return false;
  if (fromMs !== undefined && entry.timeMs < fromMs) return false;
  if (untilMs !== undefined && entry.timeMs > untilMs) return false;
  if ((costMinNanos !== undefined || costMaxNanos !== undefined) && entry.costNanos === null) return false;
  return !(costMinNanos !== undefined && entry.costNanos! < costMinNanos) && !(costMaxNanos !== undefined && entry.costNanos! > costMaxNanos);
};

const anyFilter = fc.record(
  {
    type: fc.constantFrom<RecordType>('admitted', 'completed'),
    fromMs: fc.integer({ min: 999_990, max: 1_000_700 }),
    untilMs: fc.integer({ min: 999_990, max: 1_000_700 }),
    keyId: fc.constantFrom(alice, bob),
    project: fc.constantFrom(...projects),
    model: fc.constantFrom('m0', 'm1', 'm4', 'none'),
    network: fc.constantFrom('mizan', 'akash'),
    region: fc.constantFrom('eu-frankfurt', 'us-virginia'),
    decision: fc.constantFrom('permit' as const, 'deny' as const),
    policy: fc.constantFrom('p0', 'p5', 'p7', 'p9'),
    policyVersion: fc.constantFrom(1, 2),
    costMinNanos: fc.bigInt({ min: 0n, max: 200_000n }),
    costMaxNanos: fc.bigInt({ min: 0n, max: 200_000n }),
  },
  { requiredKeys: [] },
);

describe('searching the log', () => {
  it('finds by any combination of filters what looking at each entry finds, newest first', async () => {
    await fc.assert(
      fc.asyncProperty(anyFilter, async (filter) => {
        const expected = told.filter(matches(filter)).sort((a, b) => b.timeMs - a.timeMs || b.index - a.index);
        expect(await find(filter)).toEqual(expected.map(({ index }) => index));
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('shows each entry once over the pages of any size, also where many have one time', async () => {
    for (const limit of [5, 50]) {
      const seen: number[] = [];
      for (let after: number | undefined; ; after = seen.at(-1)) {
        const page = await find({ limit, ...(after === undefined ? {} : { after }), region: 'eu-frankfurt' });
        seen.push(...page);
        if (page.length < limit) break;
      }
      expect(seen).toEqual(await find({ region: 'eu-frankfurt' }));
    }
    const seen: number[] = [];
    for (let after: number | undefined; ; after = seen.at(-1)) {
      const page = await find({ limit: 3, ...(after === undefined ? {} : { after }), policy: 'p5' });
      seen.push(...page);
      if (page.length < 3) break;
    }
    expect(seen).toEqual(told.filter(matches({ policy: 'p5' })).map(({ index }) => index).sort((a, b) => b - a));
    await expect(find({ after: 10_000 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('finds a record by its id, in any other company of filters', async () => {
    for (const entry of [told[0]!, told[77]!, told[199]!]) {
      expect(await find({ record: entry.record })).toEqual([entry.index]);
      expect(await find({ record: entry.record, model: entry.model, project: entry.project, policy: entry.policies[0]! })).toEqual([entry.index]);
      expect(await find({ record: entry.record, model: 'none' })).toEqual([]);
      expect(await find({ record: entry.record }, other.tenant)).toEqual([]);
    }
  });

  it('is by organisation: another one finds its own, and the deployment all', async () => {
    expect(await find({}, other.tenant)).toEqual([200]);
    expect(await find({ tenant: bank.tenant }, other.tenant)).toEqual([]);
    expect(await find({ model: 'm0' }, '*')).toHaveLength(41);
  });

  it('keeps nothing that a person wrote', async () => {
    const rows = await withTenant(dataSource, '*', (manager) => manager.query('SELECT * FROM governance.search_entries'));
    expect(JSON.stringify(rows)).not.toMatch(/a person|secret/);
    expect(rows).toHaveLength(201);
  });

  it('survives that an entry is moved into it twice', async () => {
    await withTenant(dataSource, '*', (manager) => new SearchQueueStore().add(manager, 0, [{ index: 0, id: randomUUID(), type: 'admitted', tenant: bank.tenant, timeMs: 1 } as never]));
    await Promise.all([indexer.drain(), indexer.drain()]);
    expect(await find({})).toHaveLength(200);
  });

  it('finds changes by who made them', async () => {
    const [actor, sealed] = [randomUUID(), sealRecord({ id: randomUUID(), type: 'limits.changed', timeMs: 900_000, fields: { actor: { keyId: randomUUID(), tenant: null } }, facts: null }, bank, sealer)];
    const made = sealRecord({ id: randomUUID(), type: 'limits.changed', timeMs: 900_000, fields: { actor: { keyId: actor, tenant: null } }, facts: null }, bank, sealer);
    const own = operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 900_000, fields: { keyId: actor }, facts: null });
    await sequencerOn(dataSource).append([sealed, made, own]);
    await indexer.drain();
    expect([await find({ keyId: actor }), await find({ keyId: actor }, '*')]).toEqual([[202], [203, 202]]);
  });

  it('forgets the other policies of an entry with the entry', async () => {
    const count = async (): Promise<number> => (await withTenant(dataSource, bank.tenant, (manager) => manager.query<unknown[]>('SELECT FROM governance.search_policies'))).length;
    expect(await count()).toBeGreaterThan(0);
    await withTenant(dataSource, bank.tenant, (manager) => store.removeRequests(manager, bank.tenant, 0, 2_000_000));
    expect(await count()).toBe(0);
  });

  it('goes on after an entry that is no longer found itself', async () => {
    // What one batch of requests was found by was removed above.
    expect(await find({ after: 203, limit: 1 })).toEqual([202]);
    expect(await find({ after: 150 })).toEqual([202, 201]);
  });

  it('takes all batches that came while it rested in one move', async () => {
    const moved: number[] = [];
    let begin = (): void => undefined;
    class Queue extends SearchQueueStore {
      override async move(manager: EntityManager): Promise<number> {
        moved.push(await super.move(manager));
        return moved.at(-1)!;
      }
    }
    class Resting extends SearchIndexer {
      protected override rest(): Promise<void> {
        return new Promise((resolve) => (begin = resolve));
      }
    }
    const resting = new Resting(dataSource, new Queue());
    resting.onApplicationBootstrap();
    const sequencer = sequencerOn(dataSource);
    for (let batch = 0; batch < 3; batch += 1) {
      resting.wake();
      await sequencer.append([recordOf(told[batch]!)]);
    }
    expect(moved).toEqual([]);
    begin();
    await resting.onApplicationShutdown();
    expect(moved).toEqual([3, 0]);
  });

  it('shows what there was at the first page once, whatever is appended while somebody turns pages', async () => {
    const sequencer = sequencerOn(dataSource);
    const model = 'paged';
    const append = async (from: number, timeMs: (n: number) => number): Promise<void> => {
      await sequencer.append(Array.from({ length: 12 }, (_, n) => recordOf({ ...told[from + n]!, model, timeMs: timeMs(n) })));
      await indexer.drain();
    };
    await append(0, (n) => 5_000_000 + Math.floor(n / 4));
    const first = await find({ model });
    const seen: number[] = [];
    for (let after: number | undefined; seen.length < first.length; after = seen.at(-1)) {
      seen.push(...(await find({ model, limit: 5, ...(after === undefined ? {} : { after }) })).slice(0, first.length - seen.length));
      // As new as the newest, and newer.
      await append(20, (n) => 5_000_002 + n);
    }
    expect([first.length, seen]).toEqual([12, first]);
  });
});
