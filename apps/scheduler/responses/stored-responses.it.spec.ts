import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Bus, Caller } from '#messaging';
import { storedResponseCalls, storedResponseLimits } from '#protocol';
import { migrate, runService, withTenant } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { scheduler } from '../scheduler.service-definition.js';
import { ResponseSweeper } from './response-sweeper.service.js';

const idOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const [tenant, project, keyId, stranger] = [idOf(1), idOf(2), idOf(3), idOf(4)];
const scope = { tenant, project };

jest.setTimeout(60_000);

describe('responses in the scheduler', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let gateway: Bus;
  let caller: Caller;
  let objects: string;
  let next = 0x100;

  const begin = (id: string, seconds = 60) => caller.call(storedResponseCalls.beginResponse, { ...scope, keyId, id, expiresAtMs: Date.now() + seconds * 1_000 });
  const put = async (url: string, text: string): Promise<number> => (await fetch(url, { method: 'PUT', body: text })).status;
  async function stored(text: string, seconds?: number): Promise<string> {
    const id = idOf(next++);
    expect(await put((await begin(id, seconds)).url, text)).toBe(204);
    return id;
  }
  const open = (id: string, asker: { tenant: string; project: string | null } = scope) => caller.call(storedResponseCalls.openResponse, { ...asker, id });
  const read = async (id: string): Promise<string> => (await fetch((await open(id)).url)).text();
  const onDisk = (): string[] => readdirSync(objects, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));

  beforeAll(async () => {
    objects = mkdtempSync(join(tmpdir(), 'mizan-responses-'));
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    service = await runService(scheduler, {
      ...{ NATS_URL: nats.url, LOG_LEVEL: 'fatal', NATS_CREDS: nats.credentialFiles.scheduler, DATABASE_URL: database.url },
      SCHEDULER_ACCOUNT_PUBLIC_KEY: nats.operator.account,
      SCHEDULER_ACCOUNT_SIGNING_SEED: nats.operator.seeds.accountSigning,
      SCHEDULER_OPERATOR_SEED: nats.operator.seeds.operator,
      SCHEDULER_SYSTEM_CREDS: nats.credentialFiles.system,
      SCHEDULER_MASTER_KEY: '7'.repeat(64),
      OBJECTS_DIRECTORY: objects,
    });
    gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
    caller = new Caller(gateway);
  }, 150_000);
  afterAll(async () => {
    await gateway?.close();
    await service?.stop();
    await database?.drop();
    await nats?.stop();
    rmSync(objects, { recursive: true, force: true });
  }, 120_000);

  it('are read as they were sent, and lie encrypted', async () => {
    const id = await stored('{"about":"aubergines"}');
    expect(await read(id)).toBe('{"about":"aubergines"}');
    expect(onDisk().some((path) => readFileSync(path).includes('aubergines'))).toBe(false);
  });

  it('conformance 43: are not there for another organisation or another project, to read or to delete', async () => {
    const id = await stored('{}');
    for (const asker of [{ tenant: stranger, project: null }, { tenant: stranger, project }, { tenant, project: idOf(9) }]) {
      await expect(open(id, asker)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(caller.call(storedResponseCalls.deleteResponse, { ...asker, id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await open(id, { tenant, project: null })).toMatchObject({ url: expect.any(String) });
  });

  it('are gone once deleted, their address and their content with them', async () => {
    const id = await stored('{}');
    const { url } = await open(id);
    await caller.call(storedResponseCalls.deleteResponse, { ...scope, id });
    await expect(open(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await fetch(url)).status).toBe(404);
    await service.app.get(ResponseSweeper).sweep();
    expect(onDisk().some((path) => path.endsWith(id))).toBe(false);
  });

  it('end with their time, and what never arrived ends too', async () => {
    const [past, kept] = [await stored('{}', -1), await stored('{}')];
    const never = idOf(next++);
    await begin(never);
    await expect(open(never)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open(past)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const query = (sql: string, values: unknown[]): Promise<{ id: string }[]> => withTenant(service.app.get(DataSource), '*', (manager) => manager.query(sql, values));
    await query('UPDATE scheduler.responses SET created_at_ms = 0 WHERE id = $1', [never]);
    await service.app.get(ResponseSweeper).sweep();
    expect((await query('SELECT id FROM scheduler.responses WHERE id = ANY($1::uuid[])', [[past, kept, never]])).map(({ id }) => id)).toEqual([kept]);
    expect(onDisk().some((path) => path.endsWith(past))).toBe(false);
  });

  it('have one content: neither their id nor their address is good twice, and nothing over the size is kept', async () => {
    const id = idOf(next++);
    const { url } = await begin(id);
    await expect(begin(id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await put(url, 'x'.repeat(storedResponseLimits.bytesMax + 1)).catch(() => 413)).toBe(413);
    expect(await put(url, 'first')).toBe(204);
    expect(await put(url, 'second')).toBe(404);
    expect(await read(id)).toBe('first');
  });
});
