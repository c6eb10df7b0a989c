import { Kvm } from '@nats-io/kv';
import { z } from 'zod';
import type { Ids } from '#kernel';
import { Publisher } from '#messaging';
import type { Bus, Caller } from '#messaging';
import { billingCalls, recordCommit, schedulerEvents, tenantReplica } from '#protocol';
import type { LogRecord } from '#protocol';
import { testTenant } from '../apps/billing/books-harness.js';
import type { TestNode } from '../apps/billing/records-harness.js';

/** Who changes things in these tests. */
export const actor = { keyId: null, tenant: null };

type Lease = Awaited<ReturnType<typeof leaseOf>>;

/** An organisation with a budget, and the lease that a gateway has of it. */
export interface LeasedTenant {
  readonly tenant: string;
  readonly project: string;
  readonly lease: Lease;
}

const leaseOf = (caller: Caller, tenant: string, project: string, needNanos: bigint) => caller.call(billingCalls.acquireLease, { tenant, project, gateway: 'gateway-1', needNanos, demandNanosPerSecond: 0n });

/** As governance and a gateway tell of one: in the replica, with a budget. `beforeLease` is whatever else it needs. */
export async function leasedTenant(bus: Bus, caller: Caller, ids: Ids, needNanos: bigint, beforeLease: (tenant: string) => Promise<unknown> = () => Promise.resolve()): Promise<LeasedTenant> {
  const { entry, project } = testTenant(ids);
  const { tenant } = entry;
  await (await new Kvm(bus.jetstream).open('tenants')).put(tenant, JSON.stringify(z.encode(tenantReplica.value, entry)));
  await caller.call(billingCalls.putBudget, { actor, tenant, project, limitNanos: 10n ** 15n });
  await beforeLease(tenant);
  return { tenant, project, lease: await leaseOf(caller, tenant, project, needNanos) };
}

/** As the scheduler tells of a machine. */
export async function enrolled(bus: Bus, ids: Ids, node: TestNode): Promise<void> {
  const offers = [{ id: node.offer, model: 'm', endpoints: ['embeddings'], capacity: 4, inputNanosPerMillion: '1000000', outputNanosPerMillion: '0' }];
  await new Publisher(bus).publish(schedulerEvents.nodeEnrolled.subject, JSON.stringify({ node: node.id, name: 'node', publicKey: node.publicKey, payoutAddress: node.payee, offers }), { id: ids.uuid() });
}

/** As a gateway tells of requests, in one message; said again it is something new to JetStream. */
export async function recorded(bus: Bus, ids: Ids, records: readonly LogRecord[]): Promise<void> {
  await new Publisher(bus).publish('mizan.record.gateway', JSON.stringify(z.encode(recordCommit, { v: 1, records: [...records] })), { id: ids.uuid(), timeoutMs: 10_000 });
}
