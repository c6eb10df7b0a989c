import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Bus, Caller, Serve } from '#messaging';
import { backgroundCalls, backgroundLimits, batchCalls, billingCalls, failure, storedResponseCalls, storedResponseLimits } from '#protocol';
import type { BackgroundState, ClaimedResponse } from '#protocol';
import { defineService, migrate, runService, withTenant } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { runGovernanceOfHolds } from '../deletions/holds-harness.js';
import { runGovernanceOfKeys } from '../objects/content-keys-harness.js';
import type { KeysSaid } from '../objects/content-keys-harness.js';
import { schedulerEnvironment } from '../scheduler-harness.js';
import { scheduler } from '../scheduler.service-definition.js';
import { ResponseSweeper } from './response-sweeper.service.js';
import { StoredResponses } from './stored-responses.service.js';

const idOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const [tenant, project, keyId, stranger] = [idOf(1), idOf(2), idOf(3), idOf(4)];
const scope = { tenant, project };

/** Books that know of no record. */
@Controller()
class BooksRpc {
  @Serve(billingCalls.getCharge)
  get(): never {
    throw failure('NOT_FOUND', 'not charged');
  }
}

@Module({ controllers: [BooksRpc] })
class BooksModule {}

describe('responses in the scheduler', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let billing: RunningService;
  let governance: RunningService;
  let keys: KeysSaid;
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
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    for (const endMs = Date.now() + 40_000; Date.now() < endMs; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error('it did not come about in time');
  };
  const onDisk = (): string[] => readdirSync(objects, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []));

  beforeAll(async () => {
    objects = mkdtempSync(join(tmpdir(), 'mizan-responses-'));
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    billing = await runService(defineService({ name: 'billing', config: z.object({}), module: () => BooksModule, migrations: [], http: 'internal' }), { NATS_URL: nats.url, LOG_LEVEL: 'fatal', NATS_CREDS: nats.credentials.billing });
    governance = await runGovernanceOfHolds(nats, { byTenant: new Map(), away: false });
    keys = await runGovernanceOfKeys(nats);
    await keys.renew(tenant);
    service = await runService(scheduler, schedulerEnvironment(nats, database, objects));
    gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
    caller = new Caller(gateway);
  });
  afterAll(async () => {
    await gateway?.close();
    await service?.stop();
    await billing?.stop();
    await governance?.stop();
    await keys?.stop();
    await database?.drop();
    await nats?.stop();
    rmSync(objects, { recursive: true, force: true });
  });

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

  describe('in the background', () => {
    const declared = { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] };
    const event = (number: number, response?: object): string => `event: x\ndata: ${JSON.stringify({ type: 'x', ...(response && { response }), sequence_number: number })}\n\n`;
    const query = (sql: string, values: unknown[]) => withTenant(service.app.get(DataSource), '*', (manager) => manager.query<Record<string, unknown>[]>(sql, values));
    async function made(): Promise<string> {
      const id = idOf(next++);
      const { url } = await caller.call(storedResponseCalls.beginResponse, { ...scope, keyId, id, expiresAtMs: Date.now() + 60_000, background: { declared } });
      expect(await put(url, '{}')).toBe(204);
      return id;
    }
    const claim = async (max = 8): Promise<ClaimedResponse[]> => (await caller.call(backgroundCalls.claimResponses, { gateway: 'g', max, runMs: 60_000 })).responses;
    async function running(): Promise<ClaimedResponse> {
      const id = await made();
      return (await claim()).find(({ job }) => job === id)!;
    }
    const append = async ({ url }: ClaimedResponse, first: number, events: string[], end?: string): Promise<unknown> => {
      const answer = await fetch(`${url}&first=${first}&count=${events.length}${end === undefined ? '' : `&end=${end}`}`, { method: 'PUT', body: events.join('') });
      return answer.ok ? answer.json() : answer.status;
    };
    const cancel = (id: string, asker = scope) => caller.call(backgroundCalls.cancelResponse, { ...asker, id });
    const state = async (id: string): Promise<BackgroundState> => (await open(id)).background!;
    const events = async (id: string, after: number): Promise<string> => (await fetch(`${(await state(id)).eventsUrl}&after=${after}`)).text();
    const kept = { isCancelled: false, isKept: true };
    const stateOfJob = async (id: string): Promise<unknown> => (await query('SELECT state FROM scheduler.jobs WHERE id = $1', [id]))[0]?.['state'];

    it('are queued once their content is there, run by one gateway, and told by their events', async () => {
      const id = await made();
      expect(await state(id)).toMatchObject({ status: 'queued', events: 2, isTold: false, isOver: false });
      const [claimed] = await claim();
      expect(claimed).toMatchObject({ job: id, record: id, attempt: 1, events: 2, tenant, project, keyId, declared });
      expect(await claim()).toEqual([]);
      expect(await (await fetch(claimed!.url)).text()).toBe('{}');
      expect(await append(claimed!, 2, [event(2), event(3)])).toEqual(kept);
      expect(await state(id)).toMatchObject({ status: 'in_progress', events: 4, isTold: false, isOver: false });
      expect(await append(claimed!, 4, [event(4, { a: 'b' })], 'completed')).toEqual(kept);
      expect(await state(id)).toMatchObject({ status: 'completed', events: 5, isTold: true, isOver: true });
      expect(await events(id, 1)).toBe([event(2), event(3), event(4, { a: 'b' })].join(''));
      expect(await events(id, 3)).toBe(event(4, { a: 'b' }));
      expect(await stateOfJob(id)).toBe('done');
      expect(await put((await begin(idOf(next++))).url, 'x')).toBe(204);
      expect(await claim()).toEqual([]);
    });

    it('that are given up while their content is on its way are never queued', async () => {
      const id = idOf(next++);
      await caller.call(storedResponseCalls.beginResponse, { ...scope, keyId, id, expiresAtMs: Date.now() + 60_000, background: { declared } });
      const give = (asker: { tenant: string; project: string }) => caller.call(storedResponseCalls.deleteResponse, { ...asker, id });
      async function* content(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('{');
        await expect(give({ tenant: stranger, project })).rejects.toMatchObject({ code: 'NOT_FOUND' });
        await give(scope);
        yield Buffer.from('}');
      }
      await expect(service.app.get(StoredResponses).store(tenant, id, content())).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(give(scope)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await stateOfJob(id)).toBeUndefined();
    });

    it('that cannot be begun keep no others of their claim, and are tried again', async () => {
      const [broken, good] = [await made(), await made()];
      const owner = await new DataSource({ type: 'postgres', url: database.ownerUrl, entities: [] }).initialize();
      try {
        await owner.query(`ALTER TABLE scheduler.background_responses ADD CONSTRAINT not_begun CHECK (id <> '${broken}' OR since_ms IS NULL) NOT VALID`);
        expect((await claim()).map(({ job }) => job)).toEqual([good]);
        await owner.query('ALTER TABLE scheduler.background_responses DROP CONSTRAINT not_begun');
      } finally {
        await owner.destroy();
      }
      expect(await until(async () => (await claim()).find(({ job }) => job === broken))).toMatchObject({ attempt: 2 });
      for (const id of [broken, good]) await cancel(id);
    });

    it('take events once under one fence, and lie encrypted under the key that is forgotten with them', async () => {
      const claimed = await running();
      for (let times = 0; times < 2; times += 1) expect(await append(claimed, 2, [event(2, { about: 'aubergines' })])).toEqual(kept);
      expect(await append(claimed, 5, [event(5)])).toBe(409);
      for (let times = 0; times < 2; times += 1) expect(await append(claimed, 3, [event(3)], 'failed')).toEqual(kept);
      expect(await events(claimed.job, 1)).toBe([event(2, { about: 'aubergines' }), event(3)].join(''));
      const [row] = await query('SELECT sealed FROM scheduler.response_events WHERE response = $1 ORDER BY last', [claimed.job]);
      expect((row!['sealed'] as Buffer).includes('aubergines')).toBe(false);
      expect((await fetch(`${claimed.url}&first=x&count=1`, { method: 'PUT', body: 'x' })).status).toBe(400);
    });

    it('have one end, whether they are cancelled or completed first; cancelled twice is cancelled once', async () => {
      const early = await made();
      expect((await cancel(early)).background).toMatchObject({ status: 'cancelled', isOver: true, isTold: false });
      expect([await claim(), await stateOfJob(early)]).toEqual([[], 'dropped']);

      const cancelled = await running();
      expect((await cancel(cancelled.job)).background).toMatchObject({ status: 'cancelled', isOver: false });
      expect(await caller.call(batchCalls.renewLines, { lines: [{ job: cancelled.job, fence: cancelled.fence }] })).toEqual({ lost: [], unwanted: [cancelled.job] });
      expect(await append(cancelled, 2, [event(2)])).toEqual({ isCancelled: true, isKept: true });
      expect(await append(cancelled, 3, [event(3)], 'completed')).toEqual({ isCancelled: true, isKept: false });
      expect(await append(cancelled, 3, [event(3)], 'cancelled')).toEqual({ isCancelled: true, isKept: true });
      expect((await cancel(cancelled.job)).background).toMatchObject({ status: 'cancelled', isTold: true, isOver: true, events: 4 });

      const completed = await running();
      const [, ended] = await Promise.all([append(completed, 2, [event(2)], 'completed'), cancel(completed.job)]);
      const { status } = await state(completed.job);
      expect(ended.background.status).toBe(status);
      expect((await cancel(completed.job)).background.status).toBe(status);
    });

    it('conformance 43: are not there for another organisation or project to cancel, and others cannot be cancelled at all', async () => {
      const id = await made();
      for (const asker of [{ tenant: stranger, project }, { tenant, project: idOf(9) }]) await expect(cancel(id, asker)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(cancel(await stored('{}'))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      await cancel(id);
    });

    it('that were deleted are told to nobody, and go when their run has ended', async () => {
      const claimed = await running();
      await append(claimed, 2, [event(2)]);
      const { eventsUrl } = await state(claimed.job);
      await caller.call(storedResponseCalls.deleteResponse, { ...scope, id: claimed.job });
      expect((await fetch(`${eventsUrl}&after=1`)).status).not.toBe(200);
      expect(await caller.call(batchCalls.renewLines, { lines: [{ job: claimed.job, fence: claimed.fence }] })).toMatchObject({ unwanted: [claimed.job] });
      await service.app.get(ResponseSweeper).sweep();
      expect(await append(claimed, 3, [event(3)], 'cancelled')).toEqual({ isCancelled: true, isKept: true });
      await service.app.get(ResponseSweeper).sweep();
      for (const table of ['responses', 'background_responses', 'jobs']) expect(await query(`SELECT 1 FROM scheduler.${table} WHERE id = $1`, [claimed.job])).toEqual([]);
    });

    it('are run again under their record by another gateway, events after events, when the first one leaves; its word counts no more', async () => {
      const first = await running();
      await append(first, 2, [event(2), event(3)]);
      await caller.call(batchCalls.returnLine, { job: first.job, fence: first.fence, why: 'left', code: 'X' });
      const second = await until(async () => (await claim()).find(({ job }) => job === first.job));
      expect(second).toMatchObject({ record: first.record, attempt: 2, events: 4, eventBytes: Buffer.byteLength(event(2) + event(3)) });
      expect(second.remainingMs).toBeLessThanOrEqual(first.remainingMs);
      expect([await append(first, 4, [event(4)], 'completed'), await append(second, 4, [event(4)], 'completed')]).toEqual([409, kept]);
    });

    it('are asked about in the books before they run again, when an earlier run left their record open for long, however often they were put back', async () => {
      const first = await running();
      const { job } = first;
      const giveBack = async (fence: number, why: 'left' | 'again'): Promise<void> => {
        await caller.call(batchCalls.returnLine, { job, fence, why, code: 'NO_CAPACITY' });
        await query(`UPDATE scheduler.jobs SET run_after_ms = 0 WHERE id = $1`, [job]);
      };
      const claimed = () => until(async () => (await claim()).find((one) => one.job === job));
      const span = async (): Promise<unknown> => (await query('SELECT since_ms, until_ms FROM scheduler.background_responses WHERE id = $1', [job]))[0];
      const passes = (ms: number) => query('UPDATE scheduler.background_responses SET since_ms = since_ms - $2::bigint, until_ms = until_ms - $2::bigint WHERE id = $1', [job, ms]);
      await giveBack(first.fence, 'left');
      const open = await span();
      await giveBack((await claimed()).fence, 'again');
      expect(await span()).toEqual(open);
      await passes(40_000);
      expect((await claim()).filter((one) => one.job === job)).toEqual([]);
      expect([await stateOfJob(job), (await state(job)).status]).toEqual(['lost', 'queued']);
      await passes(3_600_000);
      const late = await claimed();
      expect(late.record).toBe(job);
      expect(late.remainingMs).toBeGreaterThan(30_000);
      await giveBack(late.fence, 'again');
      expect(await span()).toEqual({ since_ms: null, until_ms: null });
      await cancel(job);
    });

    it('are queued again when nothing ran, under another record when a run ended without a charge, and have failed when their key may not run them', async () => {
      let claimed = await running();
      const { job } = claimed;
      for (const [why, record] of [['again', job], ['ended', expect.not.stringMatching(job)]] as const) {
        await caller.call(batchCalls.returnLine, { job, fence: claimed.fence, why, code: 'NO_CAPACITY' });
        expect((await state(job)).status).toBe('queued');
        claimed = await until(async () => (await claim()).find((one) => one.job === job));
        expect(claimed.record).toEqual(record);
      }
      const next = await caller.call(batchCalls.advanceLine, { job, fence: claimed.fence, record: claimed.record });
      expect(next.record).not.toBe(claimed.record);
      await caller.call(batchCalls.returnLine, { job, fence: claimed.fence, why: 'revoked', code: 'API_KEY_INVALID' });
      expect(await state(job)).toMatchObject({ status: 'failed', isOver: true, isTold: false, error: { code: 'server_error', message: expect.stringContaining('API key') } });
    });

    it('are given up when no machine took them however often they were tried, not when they waited for a gateway, and say what they were refused for', async () => {
      const old = await running();
      await query('UPDATE scheduler.background_responses SET created_at_ms = created_at_ms - 3700000 WHERE id = $1', [old.job]);
      await caller.call(batchCalls.returnLine, { job: old.job, fence: old.fence, why: 'again', code: 'CONCURRENCY_LIMITED' });
      expect((await state(old.job)).status).toBe('queued');
      await cancel(old.job);
      const claimed = await running();
      await query('UPDATE scheduler.jobs SET attempt = $2 WHERE id = $1', [claimed.job, backgroundLimits.attemptsMax]);
      await caller.call(batchCalls.returnLine, { job: claimed.job, fence: claimed.fence, why: 'again', code: 'CONCURRENCY_LIMITED' });
      expect(await state(claimed.job)).toMatchObject({ status: 'failed', isOver: true, error: { code: 'rate_limit_exceeded', message: expect.stringContaining('CONCURRENCY_LIMITED') } });
    });
  });
});
