import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { register } from 'prom-client';
import { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Caller } from '#messaging';
import { MasterKey } from '#objects';
import { batchCalls, fileCalls, storedResponseCalls } from '#protocol';
import type { ClaimedLine, LiveHold, StoredFile } from '#protocol';
import { createDataSource, migrate, runService, withTenant } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { runGovernanceOfHolds } from '../deletions/holds-harness.js';
import { FileSweeper } from '../files/file-sweeper.service.js';
import { ResponseSweeper } from '../responses/response-sweeper.service.js';
import { schedulerEnvironment } from '../scheduler-harness.js';
import { scheduler } from '../scheduler.service-definition.js';
import { runGovernanceOfKeys } from './content-keys-harness.js';
import type { KeysSaid } from './content-keys-harness.js';
import { ContentKeys } from './content-keys.service.js';
import { KeyMoves } from './key-moves.service.js';
import { keyedTables } from './key-moves.store.js';
import type { KeyedTable } from './key-moves.store.js';

const ids = new SystemIds(new SystemClock());
const declared = { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] };
const tables = Object.keys(keyedTables) as KeyedTable[];

let nats: TestNats;
let database: TestDatabase;
let service: RunningService;
let holding: RunningService;
let keys: KeysSaid;
let gateway: Bus;
let caller: Caller;
let objects: string;
const holds = new Map<string, LiveHold[]>();

interface Of {
  readonly tenant: string;
  readonly project: string;
}

const bank = async (): Promise<Of & { key: string }> => {
  const of = { tenant: ids.uuid(), project: ids.uuid() };
  return { ...of, key: await keys.renew(of.tenant) };
};
const query = <T>(sql: string, values: unknown[] = []): Promise<T[]> => withTenant(service.app.get(DataSource), '*', (manager) => manager.query(sql, values));
const eventually = async <T>(look: () => Promise<T>): Promise<T> => {
  for (const endMs = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
  }
};
const put = (url: string, body: string): Promise<Response> => fetch(url, { method: 'PUT', body });
async function upload({ tenant, project }: Of, text: string): Promise<StoredFile> {
  const { id, url } = await caller.call(fileCalls.beginFile, { tenant, project, keyId: project });
  expect((await put(url, text)).status).toBe(204);
  return caller.call(fileCalls.finishFile, { tenant, id, filename: 'in.jsonl', purpose: 'batch', expiresAfterSeconds: null });
}
const beginResponse = async ({ tenant, project }: Of, id = ids.uuid()): Promise<{ id: string; url: string }> => ({ id, ...(await caller.call(storedResponseCalls.beginResponse, { tenant, project, keyId: project, id, expiresAtMs: Date.now() + 600_000 })) });
async function respond(of: Of, text: string): Promise<string> {
  const { id, url } = await beginResponse(of);
  expect((await put(url, text)).status).toBe(204);
  return id;
}
const read = async ({ tenant, project }: Of, id: string): Promise<Response> => fetch((await caller.call(storedResponseCalls.openResponse, { tenant, project, id })).url);
const readFile = async ({ tenant, project }: Of, id: string): Promise<Response> => fetch((await caller.call(fileCalls.openFile, { tenant, project, id })).url);
async function batchOf(of: Of, lines: number): Promise<string> {
  const text = Array.from({ length: lines }, (_, n) => JSON.stringify({ custom_id: `c${n}`, method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: `${n}` } })).join('\n');
  return (await caller.call(batchCalls.createBatch, { ...of, keyId: of.project, inputFile: (await upload(of, text)).id, endpoint: '/v1/embeddings', metadata: null, declared })).id;
}
async function claimed(batch: string, count: number): Promise<ClaimedLine[]> {
  const lines: ClaimedLine[] = [];
  return eventually(async () => {
    lines.push(...(await caller.call(batchCalls.claimLines, { gateway: 'g', max: count - lines.length })).lines.filter((line) => line.batch === batch));
    expect(lines).toHaveLength(count);
    return lines;
  });
}
const outputOf = ({ tenant, project }: Of, batch: string): Promise<string> =>
  eventually(async () => {
    const { status, outputFile } = await caller.call(batchCalls.getBatch, { tenant, project, id: batch });
    expect(status).toBe('completed');
    return (await readFile({ tenant, project }, outputFile!)).text();
  });
/** How many rows of an organisation are under which content key. */
async function under(tenant: string): Promise<Record<string, number>> {
  const rows = await query<{ key: string; count: string }>(`SELECT COALESCE(content_key::text, 'master') AS key, count(*) FROM (${tables.map((table) => `SELECT content_key FROM scheduler.${table} WHERE tenant = $1 AND ${keyedTables[table].hasKey}`).join(' UNION ALL ')}) r GROUP BY 1`, [tenant]);
  return Object.fromEntries(rows.map(({ key, count }) => [key, Number(count)]));
}
const turn = (): Promise<void> => service.app.get(KeyMoves).turn();
/** As if all schedulers had known for long. */
const known = (tenant: string): Promise<unknown> => query('UPDATE scheduler.content_keys SET known_at_ms = 0 WHERE tenant = $1', [tenant]);
const onDisk = (): string => {
  const hash = createHash('sha256');
  for (const entry of readdirSync(objects, { recursive: true, withFileTypes: true }).filter((found) => found.isFile()).sort((a, b) => (a.name < b.name ? -1 : 1))) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)));
  return hash.digest('hex');
};
const heard = (tenant: string, key: string): Promise<void> => eventually(async () => expect((await service.app.get(ContentKeys).wrap(tenant, 'x', Buffer.alloc(32))).over).toBe(key));

beforeAll(async () => {
  objects = mkdtempSync(join(tmpdir(), 'mizan-content-keys-'));
  [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
  await migrate(scheduler, database.ownerUrl);
  holding = await runGovernanceOfHolds(nats, { byTenant: holds, away: false });
  keys = await runGovernanceOfKeys(nats);
  service = await runService(scheduler, schedulerEnvironment(nats, database, objects));
  gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
  caller = new Caller(gateway);
});
afterAll(async () => {
  await gateway?.close();
  await service?.stop();
  await holding?.stop();
  await keys?.stop();
  await database?.drop();
  await nats?.stop();
  rmSync(objects, { recursive: true, force: true });
});

describe('stored contents', () => {
  it('are written without asking governance, and read with one question for all', async () => {
    const of = await bank();
    const stored = await Promise.all(Array.from({ length: 20 }, (_, n) => respond(of, `{"n":${n}}`)));
    expect(keys.asked).not.toContain(of.key);
    const texts = await Promise.all(stored.map(async (id) => (await read(of, id)).text()));
    expect(texts).toEqual(stored.map((_, n) => `{"n":${n}}`));
    expect(keys.asked.filter((id) => id === of.key)).toHaveLength(1);
    expect(await under(of.tenant)).toEqual({ [of.key]: 20 });
  });

  it('come under the next content key with what is held and what waits, while they are used; no content is touched, and the old key is destroyed once nothing is under it', async () => {
    const of = await bank();
    const [file, response, deleted] = [await upload(of, 'a file'), await respond(of, '{"a":1}'), await respond(of, '{"deleted":1}')];
    holds.set(of.tenant, [{ id: ids.uuid(), person: null, fromMs: null, untilMs: null }]);
    await caller.call(storedResponseCalls.deleteResponse, { tenant: of.tenant, project: of.project, id: deleted });
    const batch = await batchOf(of, 2);
    const [first, second] = await claimed(batch, 2);
    expect((await put(`${first!.url}&good=true`, '{"custom_id":"c0"}')).status).toBe(204);
    const before = onDisk();
    const next = await keys.renew(of.tenant);
    await heard(of.tenant, next);
    await Promise.all([turn(), turn(), turn()]);
    expect(await under(of.tenant)).toEqual({ [next]: 5 });
    expect(onDisk()).toBe(before);
    const [kept] = await query<{ wrapped_key: null; kept_key: Buffer; content_key: string }>('SELECT wrapped_key, kept_key, content_key FROM scheduler.responses WHERE id = $1', [deleted]);
    expect(kept).toMatchObject({ wrapped_key: null, content_key: next });
    expect(await service.app.get(ContentKeys).unwrap(of.tenant, `${of.tenant}/${deleted}`, { bytes: kept!.kept_key, over: next })).toHaveLength(32);

    // Another scheduler may not have heard of the new key yet.
    expect(keys.destroyed).not.toContain(of.key);
    await known(of.tenant);
    await turn();
    await turn();
    expect(keys.destroyed.filter((id) => id === of.key)).toHaveLength(1);
    await expect(query('UPDATE scheduler.responses SET content_key = $2 WHERE id = $1', [response, of.key])).rejects.toThrow(/content_key/);
    expect((await put(`${second!.url}&good=true`, '{"custom_id":"c1"}')).status).toBe(204);
    expect([await (await readFile(of, file.id)).text(), await (await read(of, response)).text(), await outputOf(of, batch)]).toEqual(['a file', '{"a":1}', '{"custom_id":"c0"}\n{"custom_id":"c1"}\n']);
    holds.delete(of.tenant);
    await query('UPDATE scheduler.responses SET held_at_ms = 0 WHERE id = $1', [deleted]);
    await service.app.get(ResponseSweeper).sweep();
    expect(await query('SELECT 1 FROM scheduler.responses WHERE id = $1', [deleted])).toEqual([]);
  });

  it('are stored and read through renewals one after the other', async () => {
    const of = await bank();
    let isOver = false;
    const wrong: unknown[] = [];
    const users = Array.from({ length: 4 }, async (_, user) => {
      for (let n = 0; !isOver; n += 1) {
        const text = `{"user":${user},"n":${n}}`;
        const id = await respond(of, text);
        const got = await (await read(of, id)).text();
        if (got !== text) wrong.push(got);
      }
    });
    let last = of.key;
    for (let n = 0; n < 5; n += 1) {
      last = await keys.renew(of.tenant);
      await heard(of.tenant, last);
      await known(of.tenant);
      await turn();
    }
    isOver = true;
    await Promise.all(users);
    expect(wrong).toEqual([]);
    await turn();
    expect(Object.keys(await under(of.tenant))).toEqual([last]);
  });

  it('are moved to the end though the scheduler loses its database in the middle, again and again; one that does not open keeps the old key, and no other content', async () => {
    const of = await bank();
    const contents = service.app.get(ContentKeys);
    const rows = await Promise.all(Array.from({ length: 450 }, async () => {
      const id = ids.uuid();
      return { id, wrapped: (await contents.wrap(of.tenant, `${of.tenant}/${id}`, Buffer.alloc(32, 7))).bytes };
    }));
    await query(
      `INSERT INTO scheduler.responses (id, tenant, project, key_id, state, bytes, wrapped_key, content_key, created_at_ms, expires_at_ms)
       SELECT id, $1, $1, $1, 'stored', 1, wrapped, $4, 1, 9e15::bigint FROM unnest($2::uuid[], $3::bytea[]) AS r (id, wrapped)`,
      [of.tenant, rows.map(({ id }) => id), rows.map(({ wrapped }) => wrapped), of.key],
    );
    const broken = rows[217]!;
    await query('UPDATE scheduler.responses SET wrapped_key = $2 WHERE id = $1', [broken.id, rows[0]!.wrapped]);
    const next = await keys.renew(of.tenant);
    await heard(of.tenant, next);
    await known(of.tenant);
    const superuser = await createDataSource(database.adminUrl, 'scheduler').initialize();
    try {
      for (let n = 0; n < 5; n += 1) {
        const moving = turn().catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 5 + 15 * n));
        await superuser.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
        await moving;
        const now = await eventually(() => query<{ id: string; wrapped_key: Buffer; content_key: string }>('SELECT id, wrapped_key, content_key FROM scheduler.responses WHERE tenant = $1 AND id <> $2', [of.tenant, broken.id]));
        for (const { id, wrapped_key: bytes, content_key: over } of now) expect((await contents.unwrap(of.tenant, `${of.tenant}/${id}`, { bytes, over })).equals(Buffer.alloc(32, 7))).toBe(true);
      }
    } finally {
      await superuser.destroy();
    }
    await eventually(turn);
    expect(await under(of.tenant)).toEqual({ [next]: 449, [of.key]: 1 });
    expect(keys.destroyed).not.toContain(of.key);
    await query('UPDATE scheduler.responses SET wrapped_key = $2 WHERE id = $1', [broken.id, broken.wrapped]);
    await turn();
    expect([await under(of.tenant), keys.destroyed.includes(of.key)]).toEqual([{ [next]: 450 }, true]);
  });

  it('of before there were content keys are read as they were, and moved when there is one', async () => {
    const of = { tenant: ids.uuid(), project: ids.uuid() };
    await keys.tellWithout(of.tenant);
    const [file, response, batch] = [await upload(of, 'an old file'), await respond(of, '{"old":1}'), await batchOf(of, 2)];
    const [first, second] = await claimed(batch, 2);
    for (const line of [first!, second!]) expect((await put(`${line.url}&good=true`, `{"custom_id":"${line.job}"}`)).status).toBe(204);
    const third = await batchOf(of, 1);
    const [line] = await claimed(third, 1);
    await query('INSERT INTO scheduler.line_answers (batch, line, tenant, job, good, answer) VALUES ($1, 1, $2, $3, true, $4)', [third, of.tenant, line!.job, new MasterKey(Buffer.from('7'.repeat(64), 'hex')).seal(of.tenant, `line ${line!.job}`, Buffer.from('{"custom_id":"of before"}'))]);
    await outputOf(of, batch);
    await turn();
    const gauge = async (): Promise<number> => (await register.getSingleMetric('mizan_contents_under_master_key')!.get()).values[0]!.value;
    const isUnderMaster = await gauge();
    expect(isUnderMaster).toBeGreaterThanOrEqual(4);
    expect(await (await read(of, response)).text()).toBe('{"old":1}');
    const key = await keys.renew(of.tenant);
    await heard(of.tenant, key);
    await turn();
    expect(Object.keys(await under(of.tenant))).toEqual([key]);
    expect(await gauge()).toBe(0);
    expect([await (await readFile(of, file.id)).text(), await (await read(of, response)).text()]).toEqual(['an old file', '{"old":1}']);
    await query("UPDATE scheduler.jobs SET state = 'done' WHERE id = $1", [line!.job]);
    expect(await outputOf(of, third)).toBe('{"custom_id":"of before"}\n');
  });

  it('cannot be read while the organisation’s KMS is away; they are still written, nothing is deleted, and batches go on when it is back', async () => {
    const of = await bank();
    keys.openMs = 0;
    try {
      const [file, response] = [await upload(of, 'a file'), await respond(of, '{"a":1}')];
      const running = await batchOf(of, 1);
      const [line] = await claimed(running, 1);
      expect((await read(of, response)).status).toBe(200);
      keys.refuses = 'KMS_REFUSED';
      for (const answer of [await read(of, response), await readFile(of, file.id), await fetch(line!.url)]) expect([answer.status, await answer.json()]).toEqual([422, { code: 'KMS_REFUSED', message: 'the KMS is away' }]);
      expect((await put(`${line!.url}&good=true`, '{"custom_id":"c0"}')).status).toBe(204);
      const [written, waiting] = [await respond(of, '{"written":1}'), await batchOf(of, 1)];
      const next = await keys.renew(of.tenant);
      await heard(of.tenant, next);
      await known(of.tenant);
      await turn();
      for (const sweeper of [FileSweeper, ResponseSweeper]) await service.app.get(sweeper).sweep();
      expect((await under(of.tenant))[of.key]).toBeGreaterThanOrEqual(6);
      expect(keys.destroyed).not.toContain(of.key);
      expect((await caller.call(batchCalls.getBatch, { tenant: of.tenant, project: of.project, id: waiting })).status).toBe('validating');
      keys.refuses = 'KMS_UNAVAILABLE';
      await eventually(async () => expect((await read(of, response)).status).toBe(503));
      keys.refuses = undefined;
      await eventually(async () => expect(await (await read(of, response)).text()).toBe('{"a":1}'));
      expect([await (await read(of, written)).text(), await outputOf(of, running)]).toEqual(['{"written":1}', '{"custom_id":"c0"}\n']);
      const [other] = await claimed(waiting, 1);
      expect((await put(`${other!.url}&good=true`, '{"custom_id":"c0"}')).status).toBe(204);
      await outputOf(of, waiting);
      await turn();
      expect([Object.keys(await under(of.tenant)), keys.destroyed.includes(of.key)]).toEqual([[next], true]);
    } finally {
      [keys.openMs, keys.refuses] = [300_000, undefined];
    }
  });

  it('are closed when the time is over that governance gave, whatever was read before', async () => {
    const of = await bank();
    keys.openMs = 400;
    try {
      const response = await respond(of, '{"a":1}');
      expect((await read(of, response)).status).toBe(200);
      keys.refuses = 'KMS_REFUSED';
      await new Promise((resolve) => setTimeout(resolve, 450));
      expect((await read(of, response)).status).toBe(422);
    } finally {
      [keys.openMs, keys.refuses] = [300_000, undefined];
    }
  });

  it('are never under another organisation’s key, nor under one that was closed', async () => {
    const [of, others] = [await bank(), await bank()];
    const response = await respond(of, '{"a":1}');
    await respond(others, '{}');
    await expect(query('UPDATE scheduler.responses SET content_key = $2 WHERE id = $1', [response, others.key])).rejects.toThrow(/content_key/);
    await expect(query('UPDATE scheduler.responses SET content_key = $2 WHERE id = $1', [response, randomUUID()])).rejects.toThrow(/content_key/);
    await expect(query('UPDATE scheduler.content_keys SET closed_at_ms = 1 WHERE id = $1', [of.key])).rejects.toThrow(/content_key/);
    const empty = await bank();
    await heard(empty.tenant, empty.key);
    await query('UPDATE scheduler.content_keys SET closed_at_ms = 1, told_at_ms = 1 WHERE id = $1', [empty.key]);
    for (let n = 0; n < 2; n += 1) {
      const answer = await put((await beginResponse(empty)).url, '{}');
      expect([answer.status, await answer.json()]).toEqual([503, { code: 'SERVICE_UNAVAILABLE', message: expect.stringMatching(/renewed/) }]);
    }
    await heard(empty.tenant, await keys.renew(empty.tenant));
    expect(await (await read(empty, await respond(empty, '{"b":1}'))).text()).toBe('{"b":1}');
  });

  it('are not stored for an organisation that is not known', async () => {
    const of = { tenant: ids.uuid(), project: ids.uuid() };
    const answer = await put((await beginResponse(of)).url, '{}');
    expect([answer.status, await answer.json()]).toEqual([503, { code: 'STARTING', message: expect.stringMatching(/not known here yet/) }]);
  });

  it('that cannot be read because governance is gone say so, and are written all the same', async () => {
    const of = await bank();
    const response = await respond(of, '{"a":1}');
    await keys.stop();
    const answer = await read(of, response);
    expect([answer.status, await answer.json()]).toEqual([503, { code: 'KMS_UNAVAILABLE', message: expect.stringMatching(/governance/) }]);
    await respond(of, '{"b":1}');
  });
});
