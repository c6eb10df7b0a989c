import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headers } from '@nats-io/transport-node';
import { keccak256, toBeHex, Wallet } from 'ethers';
import pg from 'pg';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Caller } from '#messaging';
import { baseEnvironment } from '#local';
import type { Running } from '#local';
import { billingCalls, governanceCalls, settlementCalls } from '#protocol';
import { migrate } from '#service';
import { anvilKeys, createTestDatabase, launchKept, startRpcProxy, testNats } from '#testing';
import type { RpcProxy, TestDatabase, TestNats } from '#testing';
import { billing } from '../../apps/billing/billing.service-definition.js';
import { admittedFacts, completedFacts, newNode, recordOf } from '../../apps/billing/records-harness.js';
import type { TestNode } from '../../apps/billing/records-harness.js';
import { settlement } from '../../apps/settlement/settlement.service-definition.js';
import { eventually } from '../e2e/eventually.js';
import { actor, enrolled, leasedTenant, recorded } from '../what-billing-hears.js';
import type { LeasedTenant } from '../what-billing-hears.js';
import { nameOf, watchedRows } from './steps.js';
import type { Step, Victim } from './steps.js';
import { chainId, TickingChain } from './ticking-chain.js';

const program = (name: Victim): string => join(import.meta.dirname, `../../dist/apps/${name}/main.js`);
const ids = new SystemIds(new SystemClock());
const readyMs = 120_000;
const mintedUnits = 10n ** 12n;
const endpointCount = 3;

export interface Customer extends LeasedTenant {
  readonly payer: Wallet;
}

/** Billing and settlement as processes of their own, over a chain with three endpoints; all that they speak to can be watched, and each can be killed at a step. */
export class PayoutStack {
  readonly customers: Customer[] = [];
  readonly nodes: TestNode[] = [];
  /** What each payee was promised for each tenant's work: nanos by `<tenant> <payee>`. */
  readonly owed = new Map<string, bigint>();
  readonly records: string[] = [];
  readonly caller: Caller;
  private readonly alive = new Map<Victim, Running>();
  private armed: { step: Step; killed: () => void } | undefined;
  private isDead = false;
  private started = 0;
  private headSize = 0;

  private constructor(
    readonly directory: string,
    readonly chain: TickingChain,
    readonly endpoints: readonly RpcProxy[],
    readonly database: TestDatabase,
    private readonly nats: TestNats,
    private readonly bus: Bus,
    readonly sql: pg.Client,
    /** Of settlement, over what is usual here. */
    private readonly env: Record<string, string>,
  ) {
    this.caller = new Caller(bus);
    for (const endpoint of endpoints) endpoint.watch = (question, moment) => this.asked(question.method, moment);
    sql.on('notification', ({ payload }) => this.passes((step) => step.at === 'row' && step.row === payload));
    bus.connection.subscribe('mizan.>', { callback: (_error, { subject }) => this.passes((step) => step.at === 'message' && step.subject === subject) });
    this.standInForTheLog();
  }

  static async start({ tenants = 2, tickMs = 100, slots, env = {} }: { tenants?: number; tickMs?: number; slots?: number; env?: Record<string, string> } = {}): Promise<PayoutStack> {
    for (const name of ['billing', 'settlement'] as const) if (!existsSync(program(name))) throw new Error(`${program(name)} is not there: run npm run build`);
    const directory = mkdtempSync(join(tmpdir(), 'mizan-payouts-'));
    const keys = Array.from({ length: tenants }, () => Wallet.createRandom().privateKey);
    const [chain, database, nats] = await Promise.all([TickingChain.start(directory, keys, mintedUnits, { tickMs, slots }), createTestDatabase({ service: 'settlement' }), testNats()]);
    await migrate(settlement, database.ownerUrl);
    await migrate(billing, database.of('billing').ownerUrl);
    const sql = new pg.Client(database.adminUrl);
    sql.on('error', () => undefined);
    await sql.connect();
    await sql.query(watchedRows);
    await sql.query('LISTEN steps');
    const endpoints = await Promise.all(Array.from({ length: endpointCount }, () => startRpcProxy(() => chain.rpcUrl)));
    const creds = await nats.credentialsWith('gateway', { publish: ['>'], subscribe: ['>'], responses: true });
    const stack = new PayoutStack(directory, chain, endpoints, database, nats, await Bus.connect({ url: nats.url, creds, name: 'gateway' }), sql, env);
    await Promise.all([stack.revive('billing'), stack.revive('settlement', keys)]);
    for (const key of keys) await stack.takeOn(new Wallet(key, chain.provider));
    return stack;
  }

  /** Starts a process that is not there, and waits until it answers. */
  async revive(name: Victim, payerKeys = this.customers.map(({ payer }) => payer.privateKey)): Promise<void> {
    this.started += 1;
    const common = { ...baseEnvironment(), NATS_URL: this.nats.url, NATS_CREDS: this.nats.credentialFiles[name], DATABASE_URL: this.database.of(name).url, LOG_LEVEL: 'warn' };
    const own: Record<Victim, Record<string, string>> = {
      billing: { BILLING_LEASE_TTL_MS: '600000', BILLING_SWEEP_MS: '500' },
      settlement: {
        SETTLEMENT_RPC_URL: this.endpoints.map(({ url }) => url).join(','),
        SETTLEMENT_CHAIN_ID: chainId.toString(),
        SETTLEMENT_ESCROW: this.chain.escrow.address,
        SETTLEMENT_RELAYER_KEY: anvilKeys[4],
        SETTLEMENT_PAYER_KEYS: JSON.stringify(Object.fromEntries(payerKeys.map((key) => [new Wallet(key).address, key]))),
        SETTLEMENT_EPOCH_MS: '250',
        SETTLEMENT_POLL_MS: '50',
        SETTLEMENT_EXPOSURE_MS: '1000',
        ...this.env,
      },
    };
    this.isDead = false;
    const launch = launchKept(join(process.cwd(), '.mizan/test/payouts'));
    const running = await launch({ name: `${name}-${process.pid}-${this.started}`, command: process.execPath, args: [program(name)], env: { ...common, ...own[name] } });
    this.alive.set(name, running);
    await eventually(`${name} to answer`, async () => {
      if (running.exit() !== undefined) throw new Error(`${name} has ended; see ${running.logFile}`);
      await (name === 'billing' ? this.caller.call(billingCalls.listPayables, { tenant: null }) : this.caller.call(settlementCalls.listStatements, { tenant: null, limit: 1 }));
      return true;
    }, readyMs);
  }

  /** Resolves when the process has died at the step. */
  async killedAt(step: Step, withinMs = 120_000): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const isReached = await new Promise<boolean>((resolve) => {
      late = setTimeout(() => resolve(false), withinMs);
      this.armed = { step, killed: () => resolve(true) };
    });
    clearTimeout(late);
    this.armed = undefined;
    if (!isReached) throw new Error(`nothing came to ${nameOf(step)} within ${withinMs / 1_000} s; it stands so: ${await this.standing()}`);
    await this.alive.get(step.victim)!.kill();
  }

  /** What is open, for whoever has to find out why nothing goes on. */
  async standing(): Promise<string> {
    const questions = {
      transactions: `SELECT purpose, state, nonce, error, count(*)::int AS count FROM settlement.transactions WHERE state <> 'final' GROUP BY 1, 2, 3, 4 ORDER BY nonce LIMIT 20`,
      statements: `SELECT payer, epoch, created_at, jsonb_array_length(payees) AS payees FROM settlement.statements WHERE settled_tx IS NULL`,
      locks: `SELECT a.application_name, a.state, a.query, now() - a.state_change AS since FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.datname = current_database()`,
      cursors: 'SELECT next_block FROM settlement.cursors',
      drawn: `SELECT id, drawn_at_ms FROM billing.statements WHERE state = 'drawn'`,
    };
    const rows = await Promise.all(Object.entries(questions).map(async ([name, sql]) => [name, (await this.sql.query<Record<string, unknown>>(sql)).rows]));
    const [block, final] = await Promise.all(['latest', 'finalized'].map((tag) => this.chain.provider.getBlock(tag).then((found) => found?.number, String)));
    return JSON.stringify({ ...Object.fromEntries(rows), block, final, problem: this.chain.problem }, null, 1);
  }

  /** One more machine whose owner nobody has paid before. */
  async enrol(): Promise<void> {
    const node = { ...newNode(ids), payee: Wallet.createRandom().address };
    await enrolled(this.bus, ids, node);
    this.nodes.push(node);
  }

  /** A request that ended: `nanos` for the node's owner. It is told twice now and then, as a gateway does that was not answered. */
  async work(customer: Customer, node: TestNode, nanos: number): Promise<void> {
    const admitted = admittedFacts(ids, customer, customer.lease, node, { deadlineMs: Date.now() + 600_000, admittedAtMs: Date.now() });
    const records = [recordOf(admitted), recordOf(completedFacts(admitted, node, nanos, { chargeNanos: BigInt(nanos) }))];
    this.records.push(admitted.record);
    const account = `${customer.tenant} ${node.payee.toLowerCase()}`;
    this.owed.set(account, (this.owed.get(account) ?? 0n) + BigInt(nanos));
    for (let times = 0; times < 1 + Number(this.records.length % 5 === 0); times += 1) await recorded(this.bus, ids, records);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.alive.values()].map((running) => running.kill()));
    await this.sql.end();
    await this.bus.close();
    await Promise.all(this.endpoints.map((endpoint) => endpoint.stop()));
    await this.chain.stop();
    await this.database.drop();
    await this.nats.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async takeOn(payer: Wallet): Promise<void> {
    const customer = await leasedTenant(this.bus, this.caller, ids, 10n ** 12n, (tenant) => this.caller.call(settlementCalls.putPayer, { actor, tenant, address: payer.address }));
    this.customers.push({ ...customer, payer });
  }

  /** Governance has no part in this but the head of its log, which grows. */
  private standInForTheLog(): void {
    this.bus.connection.subscribe(governanceCalls.checkpoint.subject, {
      callback: (_error, asked) => {
        this.headSize += 1;
        const head = { note: 'note', size: this.headSize, root: keccak256(toBeHex(this.headSize, 32)).slice(2), logKey: 'key' };
        asked.respond(JSON.stringify(z.encode(governanceCalls.checkpoint.reply, head)), { headers: headers() });
      },
    });
  }

  /** A question of a process that is dead goes no further. Error: nobody is there to hear the answer. */
  private asked(method: string, moment: 'before' | 'after'): void {
    this.passes((step) => step.at === 'rpc' && step.method === method && step.moment === moment);
    if (this.isDead) throw new Error('nobody is there any more');
  }

  private passes(isIt: (step: Step) => boolean): void {
    if (this.armed === undefined || !isIt(this.armed.step)) return;
    const { step, killed } = this.armed;
    this.armed = undefined;
    process.kill(this.alive.get(step.victim)!.identity.pid, 'SIGKILL');
    if (step.victim === 'settlement') this.isDead = true;
    killed();
  }
}
