import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { register } from 'prom-client';
import { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Caller } from '#messaging';
import { MasterKey } from '#objects';
import { backgroundCalls, batchCalls, fileCalls, storedResponseCalls } from '#protocol';
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
import { keyedTables, KeyMoveStore } from './key-moves.store.js';
import type { KeyedTable } from './key-moves.store.js';
import { UnderMasterGauge } from './under-master-metrics.js';

const ids = new SystemIds(new SystemClock());
const declared = { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] };
/** Of a large answer of before. */
const answerBytes = 1_000_000;
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
const beginResponse = async ({ tenant, project }: Of, id = ids.uuid(), background?: { declared: typeof declared }): Promise<{ id: string; url: string }> => ({ id, ...(await caller.call(storedResponseCalls.beginResponse, { tenant, project, keyId: project, id, expiresAtMs: Date.now() + 600_000, ...(background && { background }) })) });
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

  it('are kept from nobody else by a KMS that does not answer, however many wait for it', async () => {
    const [of, others] = [await bank(), await bank()];
    const stored = await respond(others, '{"b":1}');
    const { id, url } = await beginResponse(of, ids.uuid(), { declared });
    expect((await put(url, '{"a":1}')).status).toBe(204);
    const [run] = await eventually(async () => {
      const { responses } = await caller.call(backgroundCalls.claimResponses, { gateway: 'g', max: 9, runMs: 600_000 });
      expect(responses.filter(({ job }) => job === id)).toHaveLength(1);
      return responses.filter(({ job }) => job === id);
    });
    keys.openMs = 0;
    let answer = (): void => undefined;
    try {
      const append = (first: number): Promise<Response> => put(`${run!.url}&first=${first}&count=1`, 'data: {}\n\n');
      expect((await append(run!.events)).status).toBe(200);
      await heard(of.tenant, await keys.renew(of.tenant));
      keys.silent.set(of.key, new Promise((resolve) => (answer = resolve)));
      const { background } = await caller.call(storedResponseCalls.openResponse, { tenant: of.tenant, project: of.project, id });
      const waiting = [append(run!.events + 1), ...Array.from({ length: 10 }, () => fetch(`${background!.eventsUrl}&after=0`).then((got) => got.text()).catch(() => undefined))];
      await eventually(() => Promise.resolve(expect(keys.asked.filter((asked) => asked === of.key).length).toBeGreaterThanOrEqual(2)));
      await new Promise((resolve) => setTimeout(resolve, 200));
      const sentMs = Date.now();
      expect(await (await read(others, stored)).text()).toBe('{"b":1}');
      // What was sent before is known without the key.
      expect(await (await append(run!.events)).json()).toEqual({ isCancelled: false, isKept: true });
      expect(Date.now() - sentMs).toBeLessThan(3_000);
      answer();
      const [appended] = await Promise.all(waiting);
      expect((appended as Response).status).toBe(503);
    } finally {
      answer();
      keys.silent.clear();
      keys.openMs = 300_000;
    }
  });

  it('of an organisation whose KMS does not answer are left alone for some minutes, so that those of others are moved', async () => {
    const of = await bank();
    await respond(of, '{"a":1}');
    await heard(of.tenant, await keys.renew(of.tenant));
    keys.silent.set(of.key, new Promise((resolve) => setTimeout(resolve, 1_200)));
    try {
      await turn();
      const asked = (): number => keys.asked.filter((id) => id === of.key).length;
      const before = asked();
      expect(before).toBeGreaterThanOrEqual(1);
      // What could not be opened is asked for again after a second.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      await turn();
      expect([asked(), (await under(of.tenant))[of.key]]).toEqual([before, 1]);
    } finally {
      keys.silent.clear();
    }
  });

  it('of before are encrypted anew one at a time, whatever they are together', async () => {
    const of = { tenant: ids.uuid(), project: ids.uuid() };
    await keys.tellWithout(of.tenant);
    const batch = await batchOf(of, 3);
    const lines = await claimed(batch, 3);
    const master = new MasterKey(Buffer.from('7'.repeat(64), 'hex'));
    const text = Buffer.from(JSON.stringify({ answer: 'a'.repeat(answerBytes) }));
    for (const [n, { job }] of lines.entries()) await query('INSERT INTO scheduler.line_answers (batch, line, tenant, job, good, answer) VALUES ($1, $2, $3, $4, true, $5)', [batch, n + 1, of.tenant, job, master.seal(of.tenant, `line ${job}`, text)]);
    await query("UPDATE scheduler.jobs SET state = 'done' WHERE id = ANY($1)", [lines.map(({ job }) => job)]);
    const sent: unknown[] = [];
    const source = service.app.get(DataSource);
    const { logger } = source;
    source.logger = Object.assign(Object.create(logger) as typeof logger, { logQuery: (_sql: string, values?: unknown[]) => sent.push(...(values ?? [])) });
    try {
      const key = await keys.renew(of.tenant);
      await heard(of.tenant, key);
      await eventually(async () => {
        await turn();
        expect(Object.keys(await under(of.tenant))).toEqual([key]);
      });
    } finally {
      source.logger = logger;
    }
    // The driver makes one text of an array of them, of two digits a byte.
    expect(sent.flatMap((value) => (Array.isArray(value) ? value : [])).filter((value) => Buffer.isBuffer(value) && value.length > answerBytes)).toEqual([]);
    expect(sent.filter((value) => Buffer.isBuffer(value) && value.length > answerBytes)).toHaveLength(3);
    expect((await outputOf(of, batch)).length).toBe(3 * (text.length + 1));
  });

  it('are moved by a transaction that waits for no other connection', async () => {
    const of = await bank();
    await respond(of, '{"a":1}');
    const next = await keys.renew(of.tenant);
    await heard(of.tenant, next);
    const contents = service.app.get<unknown, { readonly wrappers: Map<string, unknown> }>(ContentKeys);
    const moves = service.app.get(KeyMoveStore);
    const { under: found } = moves;
    let isAskedFor = true;
    // As when the time of the wrapper is over while the rows are read.
    moves.under = async (...asked) => {
      const rows = await found.apply(moves, asked);
      if (asked[2] === of.tenant) contents.wrappers.clear();
      return rows;
    };
    try {
      await turn();
      isAskedFor = contents.wrappers.has(next);
    } finally {
      moves.under = found;
    }
    expect([await under(of.tenant), isAskedFor]).toEqual([{ [next]: 1 }, false]);
  });

  it('are counted as unknown before they were counted, and while they cannot be', async () => {
    const gauge = async (): Promise<number> => (await register.getSingleMetric('mizan_contents_under_master_key')!.get()).values[0]!.value;
    await turn();
    expect(await gauge()).toBeGreaterThanOrEqual(0);
    expect((new UnderMasterGauge(), await gauge())).toBeNaN();
    await turn();
    const owner = await createDataSource(database.adminUrl, 'scheduler').initialize();
    try {
      await owner.query('ALTER TABLE scheduler.content_keys RENAME TO content_keys_away');
      new UnderMasterGauge();
      await expect(turn()).rejects.toThrow(/content_keys/);
      expect(await gauge()).toBeGreaterThanOrEqual(0);
      await owner.query('ALTER TABLE scheduler.content_keys_away RENAME TO content_keys');
      await owner.query('ALTER TABLE scheduler.line_answers RENAME TO line_answers_away');
      await expect(turn()).rejects.toThrow(/line_answers/);
      expect(await gauge()).toBeNaN();
    } finally {
      for (const table of ['content_keys', 'line_answers']) await owner.query(`ALTER TABLE IF EXISTS scheduler.${table}_away RENAME TO ${table}`);
      await owner.destroy();
    }
  });

  it('that are sent twice at a time are those of the one that was whole first, and are not lost with the other', async () => {
    const of = await bank();
    const { id, url } = await caller.call(fileCalls.beginFile, { tenant: of.tenant, project: of.project, keyId: of.project });
    const response = await beginResponse(of);
    for (const [to, show] of [[url, () => caller.call(fileCalls.finishFile, { tenant: of.tenant, id, filename: 'in.jsonl', purpose: 'batch' as const, expiresAfterSeconds: null })], [response.url, () => Promise.resolve()]] as const) {
      let more = (): void => undefined;
      const waits = new Promise<void>((resolve) => (more = resolve));
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('{"second":');
        await waits;
        yield Buffer.from('2}');
      }
      const second = fetch(to, { method: 'PUT', body: Readable.toWeb(Readable.from(slow())), duplex: 'half' } as unknown as RequestInit);
      // It is on its way when the first one comes.
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect((await put(to, '{"first":1}')).status).toBe(204);
      await show();
      more();
      const answer = await second;
      expect([answer.status, await answer.json()]).toEqual([409, { code: 'CONFLICT', message: expect.stringMatching(/sent twice/) }]);
    }
    expect([await (await readFile(of, id)).text(), await (await read(of, response.id)).text()]).toEqual(['{"first":1}', '{"first":1}']);
  });

  it('are stored again after governance was restored to before a renewal, once the keys are renewed; the old key is destroyed again', async () => {
    const of = await bank();
    await heard(of.tenant, of.key);
    const lost = await keys.renew(of.tenant);
    await heard(of.tenant, lost);
    await known(of.tenant);
    await turn();
    expect(keys.destroyed).toContain(of.key);
    await query('UPDATE scheduler.content_keys SET closed_at_ms = closed_at_ms - 61000 WHERE id = $1', [of.key]);
    const saidMs = keys.destroyed.length;
    await keys.retell(of.tenant, of.key);
    await eventually(async () => expect(await (await put((await beginResponse(of)).url, '{}')).json()).toMatchObject({ code: 'SERVICE_UNAVAILABLE', message: expect.stringMatching(/mizan keys rotate/) }));
    await turn();
    const next = await keys.renew(of.tenant);
    await heard(of.tenant, next);
    await turn();
    expect(keys.destroyed.slice(saidMs)).toContain(of.key);
    expect(await (await read(of, await respond(of, '{"again":1}'))).text()).toBe('{"again":1}');
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
