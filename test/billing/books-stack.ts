import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { SystemClock, SystemIds } from '#kernel';
import { baseEnvironment } from '#local';
import type { Running } from '#local';
import { Bus, Caller } from '#messaging';
import { billingCalls } from '#protocol';
import type { LogRecord } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { databaseOn, launchKept, ownPostgres, testNats } from '#testing';
import type { OwnPostgres, TestDatabase, TestNats } from '#testing';
import { faultsOf } from '../../apps/billing/books-harness.js';
import { billing } from '../../apps/billing/billing.service-definition.js';
import { TrialBalanceStore } from '../../apps/billing/ledger/trial-balance.store.js';
import { admittedFacts, completedFacts, newNode, recordOf } from '../../apps/billing/records-harness.js';
import type { TestNode } from '../../apps/billing/records-harness.js';
import { eventually, Hopeless } from '../e2e/eventually.js';
import { enrolled, leasedTenant, recorded } from '../what-billing-hears.js';
import type { LeasedTenant } from '../what-billing-hears.js';

const program = join(import.meta.dirname, '../../dist/apps/billing/main.js');
const readyMs = 120_000;

/** Where a death finds the books. */
export const deaths = ['billing, in the middle of a batch', 'Postgres, in the middle of a batch', 'billing, when a batch has committed'] as const;
export type Death = (typeof deaths)[number];

/** Billing as a process of its own over a Postgres and a NATS of their own. Either can be killed in the middle of a batch. */
export class BooksStack {
  readonly ids = new SystemIds(new SystemClock());
  readonly customers: LeasedTenant[] = [];
  readonly nodes: TestNode[] = [];
  private running: Running | undefined;
  private started = 0;

  private constructor(
    private readonly postgres: OwnPostgres,
    readonly database: TestDatabase,
    private readonly nats: TestNats,
    private readonly bus: Bus,
    private readonly caller: Caller,
  ) {}

  static async start({ tenants = 2, machines = 3 } = {}): Promise<BooksStack> {
    if (!existsSync(program)) throw new Error(`${program} is not there: run npm run build`);
    const [postgres, nats] = await Promise.all([ownPostgres(), testNats()]);
    const database = await databaseOn(postgres, 'billing');
    await migrate(billing, database.ownerUrl);
    const creds = await nats.credentialsWith('gateway', { publish: ['>'], subscribe: ['>'], responses: true });
    const bus = await Bus.connect({ url: nats.url, creds, name: 'gateway' });
    const stack = new BooksStack(postgres, database, nats, bus, new Caller(bus));
    await stack.sql(tellsOfCommits);
    await stack.revive();
    for (let count = 0; count < tenants; count += 1) stack.customers.push(await leasedTenant(bus, stack.caller, stack.ids, 10n ** 14n));
    for (let count = 0; count < machines; count += 1) await stack.enrol();
    await stack.learnPrices();
    return stack;
  }

  /** Both facts of a request that costs `nanos`. */
  request(at: number, nanos: number): { record: string; records: [LogRecord, LogRecord] } {
    const [customer, node] = [this.customers[at % this.customers.length]!, this.nodes[at % this.nodes.length]!];
    const admitted = admittedFacts(this.ids, customer, customer.lease, node, { admittedAtMs: Date.now(), deadlineMs: Date.now() + 3_600_000, holdNanos: BigInt(nanos) });
    return { record: admitted.record, records: [recordOf(admitted), recordOf(completedFacts(admitted, node, nanos, { chargeNanos: BigInt(nanos) }))] };
  }

  /** Into the stream as one message; said again it is something new to JetStream. */
  async publish(records: readonly LogRecord[]): Promise<void> {
    await recorded(this.bus, this.ids, records);
  }

  /** Kills one of the two at that moment, and starts it again. */
  async die(death: Death): Promise<void> {
    const client = new pg.Client(this.database.adminUrl);
    client.on('error', () => undefined);
    await client.connect();
    try {
      if (death === 'billing, when a batch has committed') {
        await client.query('LISTEN booked');
        await new Promise((resolve) => client.once('notification', resolve));
      } else {
        // Charges are inserted by then, and the accounts that they move are not to be had.
        await client.query('BEGIN');
        await client.query(`SELECT 1 FROM billing.accounts WHERE kind = 'receivable' FOR UPDATE`);
        await this.database.waiting();
      }
      await (death === 'Postgres, in the middle of a batch' ? this.postgres.kill() : this.running!.kill());
    } finally {
      await client.end().catch(() => undefined);
    }
    if (death === 'Postgres, in the middle of a batch') await this.postgres.restart();
    else await this.revive();
  }

  /** Until billing has taken in, to its commit, everything that is in the stream. */
  async caughtUp(): Promise<void> {
    await eventually(
      'billing to take in all records',
      async (saw) => {
        const { num_pending: pending, num_ack_pending: open } = await this.bus.manager.consumers.info('RECORDS', 'billing-records');
        saw({ pending, open });
        return pending + open === 0 ? true : undefined;
      },
      180_000,
    );
  }

  async count(table: string): Promise<number> {
    return Number((await this.sql<{ n: string }>(`SELECT count(*) AS n FROM ${table}`))[0]!.n);
  }

  async sql<Row extends object>(text: string): Promise<Row[]> {
    const client = new pg.Client(this.database.adminUrl);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** What must hold at every moment and does not. */
  async faults(): Promise<string[]> {
    // A server that dies again and again never comes to learn how large its tables are, and plans for empty ones.
    await this.sql('ANALYZE');
    const source = await createDataSource(this.database.url, 'billing').initialize();
    try {
      return await withTenant(source, '*', (manager) => faultsOf(manager, new TrialBalanceStore()));
    } finally {
      await source.destroy();
    }
  }

  async stop(): Promise<void> {
    await this.running?.kill();
    await this.bus.close();
    await this.nats.stop();
    await this.postgres.remove();
  }

  private async revive(): Promise<void> {
    this.started += 1;
    const env = { ...baseEnvironment(), NATS_URL: this.nats.url, NATS_CREDS: this.nats.credentialFiles.billing, DATABASE_URL: this.database.url, LOG_LEVEL: 'fatal', BILLING_LEASE_TTL_MS: '600000', BILLING_SWEEP_MS: '500' };
    const running = (this.running = await launchKept(join(process.cwd(), '.mizan/test/books'))({ name: `billing-${process.pid}-${this.started}`, command: process.execPath, args: [program], env }));
    await eventually(
      'billing to answer',
      async () => {
        if (running.exit() !== undefined) throw new Hopeless(`billing has ended; see ${running.logFile}`);
        await this.caller.call(billingCalls.listPayables, { tenant: null });
        return true;
      },
      readyMs,
    );
  }

  /** A charge names the version of its price. */
  private async learnPrices(): Promise<void> {
    const found = await eventually('billing to know the machines', async () => {
      const rows = await this.sql<{ version: string; offer: string }>('SELECT version, offer FROM billing.prices');
      return rows.length === this.nodes.length ? rows : undefined;
    });
    const versions = new Map(found.map(({ offer, version }) => [offer, version]));
    this.nodes.splice(0, this.nodes.length, ...this.nodes.map((node) => ({ ...node, price: { ...node.price, version: versions.get(node.offer)!, inputNanosPerMillion: 1_000_000n } })));
  }

  private async enrol(): Promise<void> {
    const node = newNode(this.ids);
    await enrolled(this.bus, this.ids, node);
    this.nodes.push(node);
  }
}

/** Tells on the channel `booked` of each batch of charges, when its transaction has committed. */
const tellsOfCommits = `
  CREATE FUNCTION public.tell_booked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('booked', ''); RETURN NULL; END $$;
  CREATE TRIGGER tell_booked AFTER INSERT ON billing.charges FOR EACH STATEMENT EXECUTE FUNCTION public.tell_booked()`;
