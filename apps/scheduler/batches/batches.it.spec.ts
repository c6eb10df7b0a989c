import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Bus, Caller, Serve } from '#messaging';
import { batchCalls, billingCalls, failure, fileCalls } from '#protocol';
import type { Batch, ClaimedLine, ReplyOf, RequestOf, StoredFile } from '#protocol';
import { defineService, migrate, runService, withTenant } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { runGovernanceOfHolds } from '../deletions/holds-harness.js';
import { runGovernanceOfKeys } from '../objects/content-keys-harness.js';
import type { KeysSaid } from '../objects/content-keys-harness.js';
import { schedulerEnvironment } from '../scheduler-harness.js';
import { scheduler } from '../scheduler.service-definition.js';
import { FileSweeper } from '../files/file-sweeper.service.js';
import { lineRecord } from './line-record.js';

const idOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const [tenant, project, keyId] = [idOf(1), idOf(2), idOf(3)];
const scope = { tenant, project };
const declared = { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] };

/** What the books say of a record. */
const books = new Map<string, bigint | 'open'>();

@Controller()
class BooksRpc {
  @Serve(billingCalls.getCharge)
  get({ record }: RequestOf<typeof billingCalls.getCharge>): ReplyOf<typeof billingCalls.getCharge> {
    const said = books.get(record);
    if (said === undefined || said === 'open') throw failure(said === 'open' ? 'RECORD_PENDING' : 'NOT_FOUND', 'not charged');
    return { record, tenant, project, node: idOf(4), offer: idOf(5), priceVersion: idOf(6), inputTokens: Number(said), outputTokens: 0, amountNanos: said, chargedAtMs: 1 };
  }
}

@Module({ controllers: [BooksRpc] })
class BooksModule {}


describe('batches in the scheduler', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let billing: RunningService;
  let governance: RunningService;
  let keys: KeysSaid;
  let gateway: Bus;
  let caller: Caller;
  let objects: string;

  const upload = async (text: string): Promise<StoredFile> => {
    const { id, url } = await caller.call(fileCalls.beginFile, { ...scope, keyId });
    expect((await fetch(url, { method: 'PUT', body: text })).status).toBe(204);
    return caller.call(fileCalls.finishFile, { tenant, id, filename: 'in.jsonl', purpose: 'batch', expiresAfterSeconds: null });
  };
  const create = async (lines: number): Promise<Batch> => {
    const text = Array.from({ length: lines }, (_, n) => JSON.stringify({ custom_id: `c${n}`, method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: `${n}` } })).join('\n');
    return caller.call(batchCalls.createBatch, { ...scope, keyId, inputFile: (await upload(text)).id, endpoint: '/v1/embeddings', metadata: null, declared });
  };
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
    for (const endMs = Date.now() + 40_000; Date.now() < endMs; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error('it did not come about in time');
  };
  const take = (count: number): Promise<ClaimedLine[]> => {
    const lines: ClaimedLine[] = [];
    return until(async () => {
      lines.push(...(await caller.call(batchCalls.claimLines, { gateway: 'g', max: count - lines.length })).lines);
      return lines.length === count ? lines : undefined;
    });
  };
  const answer = (line: ClaimedLine, good = true, text = '{"custom_id":"x"}') => fetch(`${line.url}&good=${good}`, { method: 'PUT', body: text });
  const ended = (id: string) => until(async () => {
    const batch = await caller.call(batchCalls.getBatch, { ...scope, id });
    return ['completed', 'expired', 'cancelled', 'failed'].includes(batch.status) ? batch : undefined;
  });
  const linesOf = async (file: string): Promise<{ custom_id: string; error: { code: string } | null }[]> => {
    const { url } = await caller.call(fileCalls.openFile, { ...scope, id: file });
    return (await (await fetch(url)).text()).trimEnd().split('\n').map((line) => JSON.parse(line) as never);
  };
  const query = (sql: string, values: unknown[]) => withTenant(service.app.get(DataSource), '*', (manager) => manager.query(sql, values));

  beforeAll(async () => {
    objects = mkdtempSync(join(tmpdir(), 'mizan-batches-'));
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    const common = { NATS_URL: nats.url, LOG_LEVEL: 'fatal' };
    billing = await runService(defineService({ name: 'billing', config: z.object({}), module: () => BooksModule, migrations: [], http: 'internal' }), { ...common, NATS_CREDS: nats.credentials.billing });
    governance = await runGovernanceOfHolds(nats, { byTenant: new Map(), away: false });
    keys = await runGovernanceOfKeys(nats);
    await keys.renew(tenant);
    service = await runService(scheduler, {
      ...schedulerEnvironment(nats, database, objects),
      SCHEDULER_LINE_LEASE_MS: '1000',
      SCHEDULER_RERUN_MS: '60000',
    });
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

  it('give each line its own bytes of the input and its own record, and keep its answer once', async () => {
    const { id } = await create(3);
    const lines = await take(3);
    expect(lines.map(({ record }) => record)).toEqual([1, 2, 3].map((line) => lineRecord(id, line, 0)));
    expect(await (await fetch(lines[1]!.url)).json()).toMatchObject({ custom_id: 'c1', body: { input: '1' } });
    for (const line of lines) expect([(await answer(line)).status, (await answer(line)).status]).toEqual([204, 204]);
    expect((await answer(lines[0]!, true, 'two\nlines')).status).toBe(400);
    expect(await ended(id)).toMatchObject({ status: 'completed', lines: { total: 3, completed: 3, failed: 0 }, errorFile: null });
    expect((await answer(lines[0]!)).status).toBe(409);
    const [left] = (await query('SELECT (SELECT count(*) FROM scheduler.jobs WHERE owner = $1) + (SELECT count(*) FROM scheduler.line_answers WHERE batch = $1) AS left', [id])) as { left: string }[];
    expect(left!.left).toBe('0');
  });

  it('take a line back from a gateway that went silent, and refuse what that one brings after all', async () => {
    const { id } = await create(1);
    const [first] = await take(1);
    const [second] = await take(1);
    expect({ job: second!.job, record: second!.record, newer: second!.fence > first!.fence }).toEqual({ job: first!.job, record: first!.record, newer: true });
    expect((await answer(first!)).status).toBe(409);
    expect(await caller.call(batchCalls.renewLines, { lines: [{ job: first!.job, fence: first!.fence }] })).toEqual({ lost: [first!.job], unwanted: [] });
    expect((await answer(second!)).status).toBe(204);
    expect((await ended(id)).lines.completed).toBe(1);
  });

  it('ask the books about a lost line: free, it runs under a new record; charged, it is given up with a word', async () => {
    const { id } = await create(2);
    const [free, charged] = await take(2);
    books.set(free!.record, 0n).set(charged!.record, 7n);
    const [again] = await take(1);
    expect(again).toMatchObject({ job: free!.job, record: lineRecord(id, 1, 1) });
    expect((await answer(again!, false)).status).toBe(204);
    const batch = await ended(id);
    expect(batch.lines).toEqual({ total: 2, completed: 0, failed: 2 });
    expect((await linesOf(batch.errorFile!)).map(({ custom_id, error }) => [custom_id, error?.code])).toEqual([['x', undefined], ['c1', 'answer_lost']]);
  });

  it('name a new record when a run ended without a charge, and the same when nothing was recorded', async () => {
    const { id } = await create(1);
    const [first] = await take(1);
    await caller.call(batchCalls.returnLine, { job: first!.job, fence: first!.fence, why: 'again', code: 'NO_CAPACITY' });
    const [second] = await take(1);
    await caller.call(batchCalls.returnLine, { job: second!.job, fence: second!.fence, why: 'ended', code: 'NODE_UNREACHABLE' });
    const [third] = await take(1);
    expect([first, second, third].map((line) => line!.record)).toEqual([0, 0, 1].map((generation) => lineRecord(id, 1, generation)));
    await answer(third!);
    await ended(id);
  });

  it('name the next record of a line that its run goes on with, once however often it is asked', async () => {
    const { id } = await create(1);
    const [line] = await take(1);
    const advance = (record: string, fence = line!.fence) => caller.call(batchCalls.advanceLine, { job: line!.job, fence, record });
    expect([await advance(line!.record), await advance(line!.record)]).toEqual([1, 1].map((generation) => ({ record: lineRecord(id, 1, generation) })));
    await expect(advance(line!.record, line!.fence + 1)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(advance(lineRecord(id, 1, 2))).rejects.toMatchObject({ code: 'CONFLICT' });
    // Its holder goes silent: what was charged under the next record is not run again.
    books.set(lineRecord(id, 1, 1), 7n);
    expect((await linesOf((await ended(id)).errorFile!)).map(({ error }) => error!.code)).toEqual(['answer_lost']);
  });

  it('do not give up a line at its first loss because it had to wait for its turn many times', async () => {
    const { id } = await create(1);
    const [line] = await take(1);
    await query('UPDATE scheduler.jobs SET attempt = 100 WHERE id = $1', [line!.job]);
    const [again] = await take(1);
    expect(again).toMatchObject({ job: line!.job, record: line!.record });
    await query('UPDATE scheduler.jobs SET losses = 16 WHERE id = $1', [line!.job]);
    expect((await linesOf((await ended(id)).errorFile!)).map(({ error }) => error!.code)).toEqual(['line_failed']);
  });

  it('end although they were cancelled, or their key was revoked, after they had expired', async () => {
    const [cancelled, revoked] = [await create(2), await create(2)];
    const lines = await take(4);
    const expired = [cancelled.id, revoked.id];
    await query('UPDATE scheduler.batches SET expires_at_ms = 1 WHERE id = ANY($1)', [expired]);
    await until(async () => (((await query("SELECT 1 FROM scheduler.batches WHERE id = ANY($1) AND ending = 'expired'", [expired])) as unknown[]).length === 2 ? true : undefined));
    expect((await caller.call(batchCalls.cancelBatch, { ...scope, id: cancelled.id })).status).toBe('cancelling');
    const [first, ...others] = lines.filter(({ batch }) => batch === revoked.id);
    await caller.call(batchCalls.returnLine, { job: first!.job, fence: first!.fence, why: 'revoked', code: 'API_KEY_INVALID' });
    for (const line of [...others, ...lines.filter(({ batch }) => batch === cancelled.id)]) expect((await answer(line)).status).toBe(204);
    expect([(await ended(cancelled.id)).status, (await ended(revoked.id)).status]).toEqual(['cancelled', 'cancelled']);
  });

  it('expire with what is done, name the rest, and hold no line any more', async () => {
    const { id } = await create(4);
    const [line] = await take(1);
    await answer(line!);
    await query('UPDATE scheduler.batches SET expires_at_ms = 1 WHERE id = $1', [id]);
    const batch = await ended(id);
    expect(batch).toMatchObject({ status: 'expired', lines: { total: 4, completed: 1, failed: 0 } });
    expect((await linesOf(batch.errorFile!)).map(({ custom_id, error }) => [custom_id, error!.code])).toEqual(['c1', 'c2', 'c3'].map((name) => [name, 'batch_expired']));
    expect((await caller.call(batchCalls.claimLines, { gateway: 'g', max: 10 })).lines).toEqual([]);
  });

  it('stop when a gateway says that the key is not good any more', async () => {
    const { id } = await create(3);
    const [line] = await take(1);
    await caller.call(batchCalls.returnLine, { job: line!.job, fence: line!.fence, why: 'revoked', code: 'API_KEY_INVALID' });
    const batch = await ended(id);
    expect(batch).toMatchObject({ status: 'cancelled', problems: [{ code: 'api_key_revoked' }] });
    expect((await linesOf(batch.errorFile!)).map(({ error }) => error!.code)).toEqual(['api_key_revoked', 'batch_cancelled', 'batch_cancelled']);
  });

  it('let nobody at contents without a ticket for them', async () => {
    const { id, url } = await caller.call(fileCalls.beginFile, { ...scope, keyId });
    const base = url.slice(0, url.indexOf('?'));
    for (const [address, method] of [[base, 'GET'], [`${base}?ticket=x`, 'GET'], [url, 'GET'], [url.replace('/files', '/lines'), 'GET'], [`${url}x`, 'PUT']] as const) {
      expect((await fetch(address, { method, ...(method === 'PUT' ? { body: 'x' } : {}) })).status).toBe(404);
    }
    await expect(caller.call(fileCalls.finishFile, { tenant, id, filename: 'a', purpose: 'batch', expiresAfterSeconds: null })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await caller.call(fileCalls.abandonFile, { tenant, id });
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(404);
  });

  it('forget files at their time, and the content of what is gone', async () => {
    const file = await upload('short-lived');
    await query('UPDATE scheduler.files SET expires_at_ms = 1 WHERE id = $1', [file.id]);
    await expect(caller.call(fileCalls.getFile, { ...scope, id: file.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await service.app.get(FileSweeper).sweep();
    expect(await query('SELECT 1 FROM scheduler.files WHERE id = $1', [file.id])).toEqual([]);
  });
});
