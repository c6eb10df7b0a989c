import { Controller, Inject, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Bus, Caller, ConsumeEvent, Inbox, inboxTable, Outbox, outboxTable, Publisher, Replicas, Serve } from '#messaging';
import type { EventMeta } from '#messaging';
import { billingCalls, defineCall, defineEvent, failure, priceReplica } from '#protocol';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { defineService, migrate, runService, tenantPolicy, withTenant } from './index.js';
import type { RunningService } from './index.js';

const double = defineCall('billing', 'sample.double', { request: z.object({ n: z.int() }), reply: z.object({ n: z.int() }) });
const noted = defineEvent('billing', 'noted', z.object({ text: z.string() }));

class CreateSample implements MigrationInterface {
  name = 'CreateSample1767225600000';
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(outboxTable('billing'));
    await queryRunner.query(inboxTable('billing'));
    await queryRunner.query('CREATE TABLE billing.notes (tenant text NOT NULL, text text NOT NULL)');
    await queryRunner.query(tenantPolicy('billing', 'notes'));
    await queryRunner.query('GRANT ALL ON ALL TABLES IN SCHEMA billing TO mizan_billing');
  }
  async down(): Promise<void> {
    // Forward only.
  }
}

@Controller()
class SampleRpc {
  failuresLeft = 1;
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Inbox) private readonly inbox: Inbox,
  ) {}

  @Serve(double)
  async double(request: { n: number }): Promise<{ n: number }> {
    if (request.n === 13) throw failure('CONFLICT', 'thirteen is taken', { taken: 13 });
    if (request.n === 14) throw new TypeError('a bug');
    return { n: request.n * 2 };
  }

  @ConsumeEvent(noted, { durable: 'billing-node-enrolled' })
  async note(payload: { text: string }, meta: EventMeta): Promise<void> {
    if (this.failuresLeft-- > 0) throw new Error('the first delivery fails');
    await withTenant(this.dataSource, '*', async (manager) => {
      if (await this.inbox.claim(manager, 'sample-notes', meta.id)) await manager.query('INSERT INTO billing.notes VALUES ($1, $2)', ['one', payload.text]);
    });
  }
}

@Module({ controllers: [SampleRpc] })
class SampleModule {}

@Module({})
class EmptyModule {}

const definition = defineService({ name: 'billing', config: z.object({}), module: () => SampleModule, migrations: [CreateSample], http: 'internal' });

describe('a running service', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let gateway: Bus;

  beforeAll(async () => {
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'billing' })]);
    await migrate(definition, database.ownerUrl);
    service = await runService(definition, { NATS_URL: nats.url, NATS_CREDS: nats.credentialFiles.billing, DATABASE_URL: database.url, LOG_LEVEL: 'fatal' });
    gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
  });

  afterAll(async () => {
    await gateway.close();
    await service.stop();
    await database.drop();
    await nats.stop();
  });

  it('answers calls, and hands its declared errors to the caller as they are', async () => {
    const caller = new Caller(gateway);
    await expect(caller.call(double, { n: 4 })).resolves.toEqual({ n: 8 });
    await expect(caller.call(double, { n: 13 })).rejects.toMatchObject({ code: 'CONFLICT', kind: 'conflict', message: 'thirteen is taken', details: { taken: 13 } });
  });

  it('tells a caller nothing of an unexpected error', async () => {
    await expect(new Caller(gateway).call(double, { n: 14 })).rejects.toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('a bug') });
  });

  it('gives SERVICE_UNAVAILABLE at once when nobody serves the call', async () => {
    await expect(new Caller(gateway).call(billingCalls.listPayables, { tenant: null })).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  it('sends its outbox after the commit and consumes an event once, though the first delivery fails and another arrives twice', async () => {
    const dataSource = service.app.get(DataSource);
    const outbox = service.app.get(Outbox);
    await withTenant(dataSource, '*', (manager) => outbox.event(manager, noted, { text: 'kept' }));
    await expect(
      withTenant(dataSource, '*', async (manager) => {
        await outbox.event(manager, noted, { text: 'rolled back' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await expect(withTenant(dataSource, '*', (manager) => outbox.event(manager, noted, { text: 'x'.repeat(1_000_000) }))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    outbox.kick();
    const publisher = new Publisher(service.app.get(Bus));
    await publisher.publish(noted.subject, JSON.stringify({ text: 'twice' }), { id: 'same' });
    await publisher.publish(noted.subject, JSON.stringify({ text: 'twice' }), { id: 'same' });
    await publisher.publish(noted.subject, 'not JSON', { id: 'poison' });
    const texts = async (): Promise<string[]> => withTenant(dataSource, 'one', async (manager) => (await manager.query<{ text: string }[]>('SELECT text FROM billing.notes ORDER BY text')).map((row) => row.text));
    for (let tries = 0; tries < 3_000 && (await texts()).length < 2; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await texts()).toEqual(['kept', 'twice']);
  });

  it('hides rows of another tenant, and all rows when no tenant is set', async () => {
    const dataSource = service.app.get(DataSource);
    await withTenant(dataSource, 'two', (manager) => manager.query(`INSERT INTO billing.notes VALUES ('two', 'mine')`));
    const seen = (tenant: string): Promise<unknown[]> => withTenant(dataSource, tenant, (manager) => manager.query(`SELECT text FROM billing.notes WHERE tenant = 'two'`));
    expect(await seen('two')).toHaveLength(1);
    expect(await seen('one')).toHaveLength(0);
    expect(await seen('')).toHaveLength(0);
    await expect(withTenant(dataSource, 'one', (manager) => manager.query(`INSERT INTO billing.notes VALUES ('two', 'forged')`))).rejects.toThrow(/row-level security/);
  });

  it('keeps a replica complete and up to date, deletions included, through a restart of NATS', async () => {
    const dataSource = service.app.get(DataSource);
    const outbox = service.app.get(Outbox);
    const offer = '0198c0de-0000-7000-8000-000000000001';
    const price = { offer, version: offer, currency: 'USD' as const, inputNanosPerMillion: 20_000n, outputNanosPerMillion: 0n, hash: 'a'.repeat(64), validFromMs: 1 };
    const put = async (value: typeof price | null): Promise<void> => {
      await withTenant(dataSource, '*', (manager) => outbox.replica(manager, priceReplica, offer, value));
      outbox.kick();
    };
    await put(price);
    const replicas = new Replicas(gateway);
    const view = await replicas.view(priceReplica);
    const becomes = async (expected: bigint | undefined): Promise<void> => {
      for (let tries = 0; tries < 2_000 && view.get(offer)?.inputNanosPerMillion !== expected; tries++) await new Promise((resolve) => setTimeout(resolve, 50));
      expect(view.get(offer)?.inputNanosPerMillion).toBe(expected);
    };
    await becomes(20_000n);
    await put({ ...price, inputNanosPerMillion: 30_000n });
    await becomes(30_000n);
    await nats.kill();
    await nats.restart();
    await put({ ...price, inputNanosPerMillion: 40_000n });
    await becomes(40_000n);
    await put(null);
    await becomes(undefined);
    replicas.stop();
  });

  it('reports its health, readiness and metrics', async () => {
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${service.url}/readyz`);
    expect(await ready.json()).toEqual({ ready: true, checks: { nats: true, database: true } });
    expect(await (await fetch(`${service.url}/metrics`)).text()).toContain('process_cpu_user_seconds_total');
    expect(service.operationsUrl).toBe(service.url);
  });

  it('has them on a port of their own where it is given one, and leaves nothing behind when that is taken', async () => {
    const env = { NATS_URL: nats.url, NATS_CREDS: nats.credentialFiles.billing, DATABASE_URL: database.url, LOG_LEVEL: 'fatal' };
    const apart = await runService({ ...definition, module: () => EmptyModule }, { ...env, OPERATIONS_PORT: '0' });
    try {
      expect([(await fetch(`${apart.url}/metrics`)).status, (await fetch(`${apart.operationsUrl}/readyz`)).status]).toEqual([404, 200]);
      await expect(runService({ ...definition, module: () => EmptyModule }, { ...env, OPERATIONS_PORT: new URL(apart.operationsUrl).port })).rejects.toThrow(/EADDRINUSE/);
    } finally {
      await apart.stop();
    }
    await expect(fetch(`${apart.operationsUrl}/readyz`)).rejects.toThrow();
  });
});
