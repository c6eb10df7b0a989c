import { randomBytes } from 'node:crypto';
import { Global, Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { TestingModule } from '@nestjs/testing';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids, SystemIds } from '#kernel';
import { Bus, Inbox, Outbox, Replicas, ReplicaView } from '#messaging';
import { generateSealKeys, limitReplica, offerReplica } from '#protocol';
import type { LeaseRecall, LimitEntry, OfferEntry, Replica, TenantEntry, UsedLease } from '#protocol';
import { createDataSource, migrate, SERVICE_CONFIG, withTenant } from '#service';
import { createTestDatabase } from '#testing';
import type { TestDatabase } from '#testing';
import { billingConfig } from './billing-config.js';
import { BillingModule } from './billing.module.js';
import { billing } from './billing.service-definition.js';
import { Outside } from './closes/outside.js';
import { ManualOutside } from './outside-harness.js';
import { TrialBalanceStore } from './ledger/trial-balance.store.js';
import { LeaseHolders } from './leases/lease-holders.js';
import { RecordsProgress } from './records/records-progress.service.js';

/** A clock that moves when it is told to. */
export class ManualClock extends Clock {
  private jumpedMs = 0;
  constructor(private timeMs = 1_767_225_600_000) {
    super();
  }
  nowMs(): number {
    return this.timeMs + this.jumpedMs;
  }
  monotonicMs(): number {
    return this.timeMs;
  }
  advance(byMs: number): void {
    this.timeMs += byMs;
  }
  /** Somebody sets the wall clock; no time passes. */
  jump(byMs: number): void {
    this.jumpedMs += byMs;
  }
}

/** Books that have always caught up, or lag behind when told so. */
export class ManualProgress extends RecordsProgress {
  laggingSinceMs: number | undefined;
  constructor(private readonly clock: Clock) {
    super();
  }
  caughtUpToMs(): Promise<number> {
    return Promise.resolve(this.laggingSinceMs ?? this.clock.monotonicMs());
  }
}

/** Gateways that answer recalls as they are told to; nobody else is there. */
export class ManualHolders extends LeaseHolders {
  readonly gateways = new Map<string, (recall: LeaseRecall) => readonly UsedLease[] | Promise<readonly UsedLease[]>>();
  async recall(gateway: string, recall: LeaseRecall): Promise<readonly UsedLease[]> {
    const holder = this.gateways.get(gateway);
    if (!holder) throw new Error(`nobody answers for ${gateway}`);
    return holder(recall);
  }
}

/** The organisation as the replica tells of it, with the key that opens its records. */
export function testTenant(ids: Ids): { entry: TenantEntry; sealPrivate: Buffer; project: string } {
  const keys = generateSealKeys();
  const project = ids.uuid();
  const entry: TenantEntry = {
    tenant: ids.uuid(),
    name: 'Rhein Bank',
    pseudonym: randomBytes(32).toString('hex'),
    sealKey: keys.publicKey.toString('base64'),
    sealKeyId: ids.uuid(),
    projects: [{ id: project, name: 'mail', defaultClass: 'internal' }],
  };
  return { entry, sealPrivate: keys.privateKey, project };
}

export interface Books {
  readonly module: TestingModule;
  readonly database: TestDatabase;
  readonly clock: ManualClock;
  readonly ids: Ids;
  readonly progress: ManualProgress;
  readonly holders: ManualHolders;
  readonly outside: ManualOutside;
  readonly tenants: ReplicaView<TenantEntry>;
  readonly limits: ReplicaView<LimitEntry>;
  readonly offers: ReplicaView<OfferEntry>;
  /** What was published beside streams: [subject, text]. */
  readonly published: [string, string][];
  get<T>(token: abstract new (...parameters: never[]) => T): T;
  /** A transaction over all tenants, or one. */
  within<T>(work: (manager: EntityManager) => Promise<T>, tenant?: string): Promise<T>;
  /** What is wrong in the books; empty, always. */
  faults(): Promise<string[]>;
  close(): Promise<void>;
}

/** The service's own modules on a database of their own, without NATS: time and progress are in the test's hand. */
export async function openBooks(env: Record<string, string> = {}, given?: TestDatabase, clock = new ManualClock()): Promise<Books> {
  const database = given ?? (await createTestDatabase({ service: 'billing' }));
  await migrate(billing, database.ownerUrl);
  const dataSource = await createDataSource(database.url, 'billing').initialize();
  const ids = new SystemIds(clock);
  const progress = new ManualProgress(clock);
  const outside = new ManualOutside();
  const holders = new ManualHolders();
  const tenants = new ReplicaView<TenantEntry>();
  const limits = new ReplicaView<LimitEntry>();
  const offers = new ReplicaView<OfferEntry>();
  const published: [string, string][] = [];
  const bus = { connection: { publish: (subject: string, text: string) => void published.push([subject, text]) } };
  const parts = [
    { provide: SERVICE_CONFIG, useValue: billingConfig.parse({ BILLING_SWEEP_MS: '60000', BILLING_SPEND_WATCH_MS: '3600000', BILLING_UNUSUAL_SPEND_MS: '86400000', ...env }) },
    { provide: Clock, useValue: clock },
    { provide: Ids, useValue: ids },
    { provide: Bus, useValue: bus },
    { provide: Replicas, useValue: { view: (replica: Replica) => Promise.resolve(replica === limitReplica ? limits : replica === offerReplica ? offers : tenants) } },
    { provide: Outbox, useValue: new Outbox('billing', ids) },
    { provide: Inbox, useValue: new Inbox('billing') },
    { provide: DataSource, useValue: dataSource },
  ];
  const module = await Test.createTestingModule({ imports: [PartsModule.with(parts), BillingModule] })
    .overrideProvider(RecordsProgress)
    .useValue(progress)
    .overrideProvider(LeaseHolders)
    .useValue(holders)
    .overrideProvider(Outside)
    .useValue(outside)
    .compile();
  await module.init();
  const within: Books['within'] = (work, tenant = '*') => withTenant(dataSource, tenant, work);
  return {
    module,
    database,
    clock,
    ids,
    progress,
    holders,
    outside,
    tenants,
    limits,
    offers,
    published,
    get: (token) => module.get(token as never),
    within,
    faults: () => within((manager) => faultsOf(manager, module.get(TrialBalanceStore))),
    close: async () => {
      await module.close();
      await dataSource.destroy();
      await database.drop();
    },
  };
}

@Global()
@Module({})
class PartsModule {
  static with(providers: { provide: unknown; useValue: unknown }[]): DynamicModule {
    return { module: PartsModule, global: true, providers: providers as never, exports: providers as never };
  }
}

/** What must hold at every moment, whatever happened. */
export async function faultsOf(manager: EntityManager, trial: TrialBalanceStore): Promise<string[]> {
  const faults: string[] = [];
  for (const { currency, sum } of await trial.sumsOfPostings(manager)) if (sum !== 0n) faults.push(`${currency} sums to ${sum}`);
  for (const code of await trial.wrongBalances(manager)) faults.push(`the balance of ${code} is not the sum of its postings`);
  const queries: [string, string][] = [
    ['budget is not available + leased + spent', `SELECT b.id FROM billing.budgets b WHERE b.limit_nanos <> (SELECT COALESCE(sum(a.balance), 0) FROM billing.accounts a WHERE a.code LIKE 'budget:' || b.id || ':%' AND a.kind <> 'budget.limit')`],
    ['leases do not make up the leased account', `SELECT b.id FROM billing.budgets b WHERE (SELECT COALESCE(sum(l.remaining_nanos), 0) FROM billing.leases l WHERE l.budget = b.id) <> COALESCE((SELECT a.balance FROM billing.accounts a WHERE a.code = 'budget:' || b.id || ':leased'), 0)`],
    ['charge without its transfer', `SELECT c.record AS id FROM billing.charges c LEFT JOIN billing.transfers t ON t.id = c.record AND t.code = 'charge' WHERE t.id IS NULL`],
    ['transfer without its charge', `SELECT t.id FROM billing.transfers t LEFT JOIN billing.charges c ON c.record = t.id WHERE t.code = 'charge' AND c.record IS NULL`],
    ['charge differs from what the tenant owes for it', `SELECT c.record AS id FROM billing.charges c WHERE c.amount_nanos <> COALESCE((SELECT sum(p.amount) FROM billing.postings p JOIN billing.accounts a ON a.id = p.account WHERE p.transfer = c.record AND a.kind = 'receivable'), 0)`],
    ['usage is not the sum of the charges', `SELECT tenant::text AS id FROM (SELECT tenant, sum(n) AS n, sum(amount_nanos) AS nanos FROM (SELECT tenant, 1 AS n, amount_nanos FROM billing.charges UNION ALL SELECT tenant, 0, amount_nanos FROM billing.corrections) AS each GROUP BY tenant) c FULL JOIN (SELECT tenant, sum(requests) AS n, sum(amount_nanos) AS nanos FROM billing.usage_hours GROUP BY tenant) u USING (tenant) WHERE (c.n, c.nanos) IS DISTINCT FROM (u.n, u.nanos)`],
    ['holdbacks do not make up the held account', `SELECT a.code AS id FROM billing.accounts a WHERE a.kind = 'held' AND -a.balance <> (SELECT COALESCE(sum(h.amount_nanos), 0) FROM billing.holdbacks h WHERE h.state = 'held' AND a.code = 'held:' || h.tenant || ':' || h.node)`],
    ['credits do not make up what is granted', `SELECT a.code AS id FROM billing.accounts a WHERE a.kind = 'granted' AND -a.balance <> COALESCE((SELECT c.amount_nanos - c.used_nanos - c.lapsed_nanos FROM billing.credits c WHERE a.code = 'granted:' || c.tenant || ':' || c.id), 0)`],
    ['ended admission without its charge', `SELECT a.record AS id FROM billing.admissions a LEFT JOIN billing.charges c ON c.record = a.record WHERE (a.state IN ('completed', 'voided')) <> (c.record IS NOT NULL)`],
  ];
  for (const [fault, sql] of queries) for (const row of await manager.query<{ id: string }[]>(sql)) faults.push(`${row.id}: ${fault}`);
  return faults;
}
