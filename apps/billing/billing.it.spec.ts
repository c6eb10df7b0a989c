import { connect, credsAuthenticator, headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Caller, Publisher } from '#messaging';
import { billingCalls, claimCalls, holdbackCalls, leaseRecalledSubject, leaseRecallSubject, nodeSubjects, priceChangeCalls, recordCommit, schedulerEvents, settlementEvents, tenantReplica, verificationEvents } from '#protocol';
import type { LogRecord, PriceEntry } from '#protocol';
import { migrate, runService } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { testTenant } from './books-harness.js';
import { billing } from './billing.service-definition.js';
import { admittedFacts, completedFacts, newNode, recordOf, signedBy } from './records-harness.js';
import type { TestNode } from './records-harness.js';

const ids = new SystemIds(new SystemClock());
const actor = { keyId: null, tenant: null };
const { entry: tenant, project } = testTenant(ids);
const market = { tenant: tenant.tenant, project };

/** Tries until it holds; fails with the last error. */
async function eventually<T>(look: () => Promise<T>, withinMs = 60_000): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('the billing service', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let buses: Record<'gateway' | 'scheduler' | 'settlement' | 'governance', Bus>;
  let caller: Caller;
  let node: TestNode;

  const start = (): Promise<RunningService> =>
    runService(billing, {
      NATS_URL: nats.url,
      NATS_CREDS: nats.credentialFiles.billing,
      DATABASE_URL: database.url,
      LOG_LEVEL: 'fatal',
      BILLING_SWEEP_MS: '100',
      BILLING_LEASE_TTL_MS: '1000',
      BILLING_LEASE_GRACE_MS: '200',
      BILLING_ADMISSION_GRACE_MS: '100',
    });
  const commit = (...records: LogRecord[]): Promise<void> => new Publisher(buses.gateway).publish('mizan.record.gateway', JSON.stringify(z.encode(recordCommit, { v: 1, records })), { id: randomUUID() });
  const tell = async (bus: Bus, subject: string, payload: unknown): Promise<void> => {
    // Twice under different message ids, as an outbox may after a crash.
    for (let times = 0; times < 2; times++) await new Publisher(bus).publish(subject, JSON.stringify(payload), { id: randomUUID() });
  };
  const budget = async () => (await caller.call(billingCalls.listBudgets, { tenant: market.tenant })).data[0]!;
  const charge = (record: string) => caller.call(billingCalls.getCharge, { tenant: market.tenant, record });
  const price = async (): Promise<PriceEntry | undefined> => {
    const entry = await (await new Kvm(buses.gateway.jetstream).open('prices')).get(node.offer);
    return entry?.operation === 'PUT' ? (entry.json<unknown>() as PriceEntry) : undefined;
  };

  beforeAll(async () => {
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'billing' })]);
    await migrate(billing, database.ownerUrl);
    const bus = (name: keyof typeof buses): Promise<Bus> => Bus.connect({ url: nats.url, creds: nats.credentials[name], name });
    buses = { gateway: await bus('gateway'), scheduler: await bus('scheduler'), settlement: await bus('settlement'), governance: await bus('governance') };
    caller = new Caller(buses.gateway);
    service = await start();
    await (await new Kvm(buses.governance.jetstream).open('tenants')).put(tenant.tenant, JSON.stringify(z.encode(tenantReplica.value, tenant)));
    node = newNode(ids);
  });

  afterAll(async () => {
    await service.stop();
    await Promise.all(Object.values(buses).map((bus) => bus.close()));
    await database.drop();
    await nats.stop();
  });

  it('learns of a node and its price, and publishes the price', async () => {
    await tell(buses.scheduler, schedulerEvents.nodeEnrolled.subject, {
      node: node.id,
      name: 'Frankfurt',
      publicKey: node.publicKey,
      payoutAddress: node.payee,
      offers: [{ id: node.offer, model: 'm', endpoints: ['embeddings'], capacity: 4, inputNanosPerMillion: '1000000', outputNanosPerMillion: '0' }],
    });
    const published = await eventually(async () => {
      const entry = await price();
      expect(entry).toBeDefined();
      return entry!;
    });
    const { data } = await caller.call(billingCalls.listPrices, { limit: 50, offer: node.offer });
    expect(data).toMatchObject([{ version: published.version, hash: published.hash, inputNanosPerMillion: 1_000_000n, validToMs: null }]);
    node = { ...node, price: data[0]! };
  });

  const priceChange = () => ({ actor: { keyId: ids.uuid(), tenant: null }, id: ids.uuid(), offer: node.offer, note: 'spring', effectiveFromMs: 0, inputNanosPerMillion: 1n, outputNanosPerMillion: 0n });

  it('changes a price by a new version, as an open entry of the log, and keeps the old one', async () => {
    const { id, hash } = await caller.call(priceChangeCalls.propose, { ...priceChange(), inputNanosPerMillion: 2_000_000n });
    const { version } = await caller.call(priceChangeCalls.approve, { actor: { keyId: ids.uuid(), tenant: null }, id, hash });
    await eventually(async () => expect((await price())?.version).toBe(version));
    const { data } = await caller.call(billingCalls.listPrices, { limit: 1, offer: node.offer, after: node.price.version });
    expect(data).toMatchObject([{ version, offer: node.offer, inputNanosPerMillion: 2_000_000n }]);
    await expect(caller.call(priceChangeCalls.propose, { ...priceChange(), offer: ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(caller.call(priceChangeCalls.propose, { ...priceChange(), inputNanosPerMillion: -1n })).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
  });

  it('sets a budget, leases from it and books what is recorded under the lease, each record once', async () => {
    expect(await caller.call(billingCalls.putBudget, { actor, ...market, limitNanos: 10_000n })).toMatchObject({ limitNanos: 10_000n, availableNanos: 10_000n });
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 500n, demandNanosPerSecond: 0n });
    const admitted = admittedFacts(ids, market, lease, node, { deadlineMs: Date.now() + 60_000 });
    const completed = completedFacts(admitted, node, 120);
    await Promise.all([commit(recordOf(completed)), commit(recordOf(admitted), recordOf(completed)), commit(recordOf(admitted))]);
    expect(await eventually(() => charge(admitted.record))).toMatchObject({ amountNanos: 120n, inputTokens: 120, node: node.id });
    await expect(caller.call(billingCalls.getCharge, { tenant: ids.uuid(), record: admitted.record })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // The lease ends by itself, and what was not used returns.
    await eventually(async () => expect(await budget()).toMatchObject({ availableNanos: 9_880n, leasedNanos: 0n, spentNanos: 120n }));
  });

  it('gives a lease that is returned to the next one at once, though the records under it are still on their way', async () => {
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 9_800n, demandNanosPerSecond: 0n });
    const admitted = admittedFacts(ids, market, lease, node, { deadlineMs: Date.now() + 60_000 });
    await commit(recordOf(admitted), recordOf(completedFacts(admitted, node, 80)));
    expect(await caller.call(billingCalls.releaseLease, { lease: lease.lease, gateway: 'gateway-1', fence: lease.fence })).toEqual({ released: true });
    await expect(caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-2', needNanos: 9_801n, demandNanosPerSecond: 0n })).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    const next = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-2', needNanos: 9_800n, demandNanosPerSecond: 0n });
    expect(await budget()).toMatchObject({ availableNanos: 0n, leasedNanos: 9_800n, spentNanos: 200n });
    await caller.call(billingCalls.releaseLease, { lease: next.lease, gateway: 'gateway-2', fence: next.fence });
  });

  it('asks a gateway over the bus for what it does not need of a budget, when another is short of it', async () => {
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 9_000n, demandNanosPerSecond: 0n });
    const { connection } = buses.gateway;
    const recalls: unknown[] = [];
    const listening = connection.subscribe(leaseRecallSubject('gateway-1'), {
      callback: (_error, message) => {
        recalls.push([message.json(), message.reply!.replace(/[^.]+$/, '*')]);
        message.respond(JSON.stringify({ leases: [{ lease: lease.lease, fence: lease.fence, usedNanosMax: '1000' }] }));
      },
    });
    await connection.flush();
    const next = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-2', needNanos: 8_000n, demandNanosPerSecond: 0n });
    expect(recalls).toEqual([[{ tenant: market.tenant, budget: lease.budget }, leaseRecalledSubject('*')]]);
    listening.unsubscribe();
    await caller.call(billingCalls.releaseLease, { lease: lease.lease, gateway: 'gateway-1', fence: lease.fence, usedNanosMax: 0n });
    await caller.call(billingCalls.releaseLease, { lease: next.lease, gateway: 'gateway-2', fence: next.fence, usedNanosMax: 0n });
  });

  it('closes admissions whose gateway died: from the receipt of the node, or void', async () => {
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 500n, demandNanosPerSecond: 0n });
    const [paid, lost] = [0, 1].map(() => admittedFacts(ids, market, lease, node, { deadlineMs: Date.now() + 8_000, holdNanos: 100n }));
    await commit(recordOf(paid!), recordOf(lost!));
    await sendReceipt(signedBy(node, paid!, 90));
    await expect(eventually(() => charge(lost!.record), 500)).rejects.toMatchObject({ code: 'RECORD_PENDING' });
    expect(await eventually(() => charge(paid!.record))).toMatchObject({ amountNanos: 90n });
    expect(await eventually(() => charge(lost!.record))).toMatchObject({ amountNanos: 0n });
    await eventually(async () => expect(await budget()).toMatchObject({ leasedNanos: 0n, spentNanos: 290n }));
  });

  it('goes on where it was after a restart, with NATS killed in between', async () => {
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 500n, demandNanosPerSecond: 0n });
    await service.stop();
    const all = Array.from({ length: 100 }, () => admittedFacts(ids, market, lease, node, { deadlineMs: Date.now() + 60_000, holdNanos: 1n }));
    for (let start = 0; start < all.length; start += 20) await commit(...all.slice(start, start + 20).flatMap((admitted) => [recordOf(admitted), recordOf(completedFacts(admitted, node, 1))]));
    await nats.kill();
    await nats.restart();
    service = await start();
    await eventually(async () => expect(await budget()).toMatchObject({ spentNanos: 390n }));
  });

  it('draws, settles with the chain and tells the node, and sums to zero in each currency', async () => {
    await expect(caller.call(billingCalls.drawPayables, { statement: ids.uuid(), tenant: market.tenant })).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 3_000n, demandNanosPerSecond: 0n });
    const admitted = admittedFacts(ids, market, lease, node, { deadlineMs: Date.now() + 60_000 });
    const receipt = signedBy(node, admitted, 2_000);
    await commit(recordOf(admitted), recordOf(completedFacts(admitted, node, 2_000, { receipt })));
    await eventually(() => charge(admitted.record));
    const drawn = await new Caller(buses.settlement).call(billingCalls.drawPayables, { statement: ids.uuid(), tenant: market.tenant });
    expect(drawn).toMatchObject({ totalUnits: 2n, cumulativeTotalUnits: 2n, payees: [{ payee: node.payee, units: 2n }] });
    const payer = `0x${'c'.repeat(40)}`;
    const at = (block: number) => ({ tx: `0x${String(block).repeat(64)}`, blockHash: `0x${'f'.repeat(64)}`, blockNumber: block, logIndex: 0 });
    const told = listenAsNode();
    await tell(buses.settlement, settlementEvents.withdrawalConfirmed.subject, { payee: node.payee, to: payer, payer, units: '1', at: at(3) });
    await tell(buses.settlement, settlementEvents.depositConfirmed.subject, { tenant: market.tenant, payer, units: '50', at: at(1) });
    const settled = { statement: drawn.statement, tenant: market.tenant, payer, epoch: 1, payees: [{ payee: node.payee, units: '2', cumulativeUnits: '2' }], totalUnits: '2', auditRoot: '0'.repeat(64), auditSize: 1, at: at(2) };
    await tell(buses.settlement, settlementEvents.epochSettled.subject, settled);
    expect(await told).toContain(admitted.record);
    await eventually(async () => {
      const { currencies, accounts } = await caller.call(billingCalls.trialBalance, {});
      expect(currencies).toMatchObject([{ currency: 'TUSD6', sum: 0n }, { currency: 'USD', sum: 0n }]);
      expect(accounts).toContainEqual({ code: 'escrow', currency: 'TUSD6', balance: 49n });
      expect(accounts).toContainEqual({ code: 'credited', currency: 'TUSD6', balance: -1n });
    });
    expect((await caller.call(billingCalls.listPayouts, { tenant: market.tenant, limit: 10 })).data).toMatchObject([{ payee: node.payee, units: 2n, state: 'settled', settledTx: at(2).tx }]);
    expect((await caller.call(billingCalls.listPayables, { tenant: market.tenant })).data).toMatchObject([{ earnedNanos: 2_390n, drawnNanos: 2_000n, owedNanos: 390n }]);
    expect((await caller.call(claimCalls.list, { limit: 10, state: 'open' })).data).toEqual([]);
  });

  it('takes the price of a revoked node off the market', async () => {
    await tell(buses.scheduler, schedulerEvents.nodeRevoked.subject, { node: node.id });
    await eventually(async () => expect(await price()).toBeUndefined());
    const provision = await Bus.connect({ url: nats.url, creds: nats.credentials.provision, name: 'provision' });
    await eventually(async () => {
      const last = await provision.manager.streams.getMessage('RECORDS', { last_by_subj: 'mizan.record.billing' });
      expect(last?.json()).toMatchObject({ records: [{ type: 'price.withdrawn', tenant: null, fields: { offer: node.offer, node: node.id } }] });
    }).finally(() => provision.close());
    await expect(caller.call(priceChangeCalls.propose, priceChange())).rejects.toMatchObject({ code: 'NODE_REVOKED' });
  });

  async function asNode() {
    const creds = await nats.nodeCredentials(node.id);
    return connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(creds)), inboxPrefix: nodeSubjects.inboxPrefix(node.id) });
  }

  async function sendReceipt(receipt: object): Promise<void> {
    const connection = await asNode();
    const carried = headers();
    carried.set('Nats-Msg-Id', randomUUID());
    connection.publish(nodeSubjects.receipt(node.id), JSON.stringify(receipt), { headers: carried });
    await connection.flush();
    await connection.close();
  }

  async function listenAsNode(): Promise<string[]> {
    const connection = await asNode();
    const subscription = connection.subscribe(nodeSubjects.settled(node.id), { max: 1 });
    await connection.flush();
    for await (const message of subscription) {
      await connection.close();
      return message.json<{ records: string[] }>().records;
    }
    return [];
  }

  it('takes what verification found over the bus, once for each piece of work', async () => {
    await caller.call(holdbackCalls.putRule, { actor, target: `node:${node.id}`, basisPoints: 5_000, holdMs: 60_000 });
    const lease = await caller.call(billingCalls.acquireLease, { ...market, gateway: 'gateway-1', needNanos: 400n, demandNanosPerSecond: 0n });
    const works = await Promise.all([true, false].map(async (passed) => {
      const admitted = admittedFacts(ids, market, lease, node, { deadlineMs: Date.now() + 60_000 });
      await commit(recordOf(admitted), recordOf(completedFacts(admitted, node, 100)));
      await tell(buses.scheduler, verificationEvents.workVerified.subject, { record: admitted.record, node: node.id, passed, reason: passed ? 'the same' : 'gibberish' });
      return admitted.record;
    }));
    const found = await eventually(async () => {
      const { data } = await caller.call(holdbackCalls.list, { tenant: market.tenant, state: 'all', limit: 10 });
      expect(data.every(({ state }) => state !== 'held') && data.length).toBe(2);
      return new Map(data.map(({ record, state, reason, forfeitedNanos }) => [record, [state, reason, forfeitedNanos]]));
    });
    expect(found).toEqual(new Map([[works[0], ['released', 'the same', 0n]], [works[1], ['forfeited', 'gibberish', 50n]]]));
    await caller.call(holdbackCalls.putRule, { actor, target: `node:${node.id}`, basisPoints: 0, holdMs: 60_000 });
    await caller.call(billingCalls.releaseLease, { lease: lease.lease, gateway: 'gateway-1', fence: lease.fence });
  });
});
