import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kvm } from '@nats-io/kv';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Publisher } from '#messaging';
import { recordCommit, tenantReplica } from '#protocol';
import type { LogRecord } from '#protocol';
import { runService, withTenant } from '#service';
import { testNats } from '#testing';
import type { TestDatabase } from '#testing';
import { billing } from '../../../apps/billing/billing.service-definition.js';
import { BudgetsService } from '../../../apps/billing/budgets/budgets.service.js';
import { testTenant } from '../../../apps/billing/books-harness.js';
import { BookingService } from '../../../apps/billing/charges/booking.service.js';
import { LeasesService } from '../../../apps/billing/leases/leases.service.js';
import { admittedFacts, completedFacts, joinNode, recordOf } from '../../../apps/billing/records-harness.js';
import { percentile } from './measured.js';

/** Requests in one group commit: both facts of each. */
const requestsPerCommit = 8;

export interface PostingLatency {
  /** Requests/s from the stream into the books when they come as fast as they can. */
  readonly sustained: number;
  readonly atRate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The real service behind the real NATS: from the publishing of a group commit until its charges are committed in the books. */
export async function measurePosting(database: TestDatabase, requests: number, pacedMs: number): Promise<PostingLatency> {
  const nats = await testNats();
  const ids = new SystemIds(new SystemClock());
  const { entry, project } = testTenant(ids);
  const bus = (name: 'gateway' | 'governance'): Promise<Bus> => Bus.connect({ url: nats.url, creds: nats.credentials[name], name });
  const [gateway, governance] = await Promise.all([bus('gateway'), bus('governance')]);
  await (await new Kvm(governance.jetstream).open('tenants')).put(entry.tenant, JSON.stringify(z.encode(tenantReplica.value, entry)));
  const service = await runService(billing, { NATS_URL: nats.url, NATS_CREDS: nats.credentialFiles.billing, DATABASE_URL: database.url, LOG_LEVEL: 'fatal', BILLING_LEASE_TTL_MS: '600000' });
  try {
    const { app } = service;
    const market = { tenant: entry.tenant, project };
    const node = await joinNode({ ids, get: (token) => app.get(token as never), within: (work, tenant = '*') => withTenant(app.get(DataSource), tenant, work) });
    await app.get(BudgetsService).put({ keyId: null, ...market, limitNanos: 10n ** 15n });
    const lease = await app.get(LeasesService).acquire({ ...market, gateway: 'gateway-1', needNanos: 10n ** 12n, demandNanosPerSecond: 0n });
    const posted = new Map<string, (atMs: number) => void>();
    const booking = app.get(BookingService);
    const book = booking.book.bind(booking);
    booking.book = async (records: readonly LogRecord[]): Promise<void> => {
      await book(records);
      const atMs = performance.now();
      for (const { id } of records) posted.get(id)?.(atMs);
    };
    const publisher = new Publisher(gateway);
    /** Publishes one commit; resolves with the time until it was posted. */
    const commit = async (bytes: { text: string; first: string }): Promise<number> => {
      const sentMs = performance.now();
      const done = new Promise<number>((resolve) => posted.set(bytes.first, resolve));
      await publisher.publish('mizan.record.gateway', bytes.text, { id: randomUUID() });
      return (await done) - sentMs;
    };
    const made = (count: number): { text: string; first: string }[] =>
      Array.from({ length: Math.ceil(count / requestsPerCommit) }, () => {
        const facts = Array.from({ length: requestsPerCommit }, () => admittedFacts(ids, market, lease, node));
        const records = facts.flatMap((admitted) => [recordOf(admitted), recordOf(completedFacts(admitted, node, 100))]);
        return { text: JSON.stringify(z.encode(recordCommit, { v: 1, records })), first: records[0]!.id };
      });
    await Promise.all(made(200).map(commit));
    const burst = made(requests);
    const started = performance.now();
    await Promise.all(burst.map(commit));
    const sustained = (burst.length * requestsPerCommit * 1_000) / (performance.now() - started);
    const atRate = sustained / 2;
    const paced = made((atRate * pacedMs) / 1_000);
    const begunMs = performance.now();
    const latencies: Promise<number>[] = [];
    for (const [index, bytes] of paced.entries()) {
      const dueMs = begunMs + (index * requestsPerCommit * 1_000) / atRate;
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await sleep(waitMs);
      latencies.push(commit(bytes));
    }
    const all = await Promise.all(latencies);
    return { sustained, atRate, p50Ms: percentile(all, 0.5), p99Ms: percentile(all, 0.99) };
  } finally {
    await service.stop();
    await Promise.all([gateway.close(), governance.close()]);
    await nats.stop();
  }
}
