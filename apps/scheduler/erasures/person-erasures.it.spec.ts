import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Kvm } from '@nats-io/kv';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Caller, Publisher } from '#messaging';
import { batchCalls, erasureEvents, fileCalls, generateSealKeys, heldContentCalls, heldContentLimits, openRecordBody, recordCommit, storedResponseCalls, tenantReplica } from '#protocol';
import type { Batch, ContentKind, HeldContent, LogRecord, RecordType, TenantEntry } from '#protocol';
import { migrate, runService, withTenant } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { runGovernanceOfHolds } from '../deletions/holds-harness.js';
import type { HoldsSaid } from '../deletions/holds-harness.js';
import { FileSweeper } from '../files/file-sweeper.service.js';
import { ResponseSweeper } from '../responses/response-sweeper.service.js';
import { schedulerEnvironment } from '../scheduler-harness.js';
import { scheduler } from '../scheduler.service-definition.js';
import { PersonErasures } from './person-erasures.service.js';

const ids = new SystemIds(new SystemClock());
const keys = generateSealKeys();
const project = ids.uuid();
const bank: TenantEntry = { tenant: ids.uuid(), name: 'Bank', pseudonym: 'ab'.repeat(32), sealKey: keys.publicKey.toString('base64'), sealKeyId: ids.uuid(), projects: [{ id: project, name: 'mail', defaultClass: 'internal' }] };
const { tenant } = bank;
const scope = { tenant, project };
const keyId = ids.uuid();
const personOf = (): string => randomBytes(32).toString('hex');


describe('an erasure of a person', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let env: NodeJS.ProcessEnv;
  let gateway: Bus;
  let governance: Bus;
  let holding: RunningService;
  const said: HoldsSaid = { byTenant: new Map(), away: false };
  let caller: Caller;
  let objects: string;

  const eventually = async <T>(look: () => Promise<T>): Promise<T> => {
    for (const endMs = Date.now() + 45_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      try {
        return await look();
      } catch (error) {
        if (Date.now() > endMs) throw error;
      }
    }
  };
  const begin = (persons: string[], id = ids.uuid(), of = scope) => caller.call(storedResponseCalls.beginResponse, { ...of, keyId, id, expiresAtMs: Date.now() + 3_600_000, persons });
  const store = async (persons: string[], of = scope, text = '{}'): Promise<string> => {
    const id = ids.uuid();
    expect((await fetch((await begin(persons, id, of)).url, { method: 'PUT', body: text })).status).toBe(204);
    return id;
  };
  const know = async (of: string): Promise<void> => void (await (await new Kvm(governance.jetstream).open('tenants')).put(of, JSON.stringify(z.encode(tenantReplica.value, { ...bank, tenant: of }))));
  const isThere = (id: string, of: { tenant: string; project: string | null } = scope): Promise<boolean> =>
    caller.call(storedResponseCalls.openResponse, { ...of, id }).then(() => true, (error: { code: string }) => (expect(error.code).toBe('NOT_FOUND'), false));
  const tell = (person: string, erasure = ids.uuid(), of = tenant, messageId = ids.uuid()): Promise<string> =>
    new Publisher(governance).publish(erasureEvents.personErased.subject, JSON.stringify({ erasure, tenant: of, person, erasedAtMs: Date.now() }), { id: messageId }).then(() => erasure);
  const query = (sql: string, values: unknown[] = []) => withTenant(service.app.get(DataSource), '*', (manager) => manager.query<Record<string, unknown>[]>(sql, values));
  /** What the log was told of this organisation. */
  async function told(type: RecordType): Promise<Record<string, unknown>[]> {
    const provision = await Bus.connect({ url: nats.url, creds: nats.credentials.provision, name: 'provision' });
    try {
      const records: LogRecord[] = [];
      const { last_seq: last } = (await provision.manager.streams.info('RECORDS')).state;
      for (let seq = 1; seq <= last; seq += 1) {
        const message = await provision.manager.streams.getMessage('RECORDS', { seq });
        if (message) records.push(...recordCommit.decode(message.json()).records);
      }
      return records.filter((record) => record.type === type && record.tenant === tenant).map(({ id, body }) => openRecordBody(id, type, body!, keys.privateKey).fields);
    } finally {
      await provision.close();
    }
  }
  const reached = async (erasure: string): Promise<unknown[]> => (await told('erasure.reached')).filter((fields) => fields['erasure'] === erasure);
  const onDisk = (id: string): boolean => readdirSync(objects, { recursive: true }).some((path) => String(path).endsWith(id));
  const sweep = async (): Promise<void> => {
    await service.app.get(FileSweeper).sweep();
    await service.app.get(ResponseSweeper).sweep();
  };
  /** As if the next look at what is held were due. */
  const later = async (): Promise<void> => {
    for (const table of ['files', 'responses']) await query(`UPDATE scheduler.${table} SET held_at_ms = 1 WHERE held_at_ms > 1`);
  };
  const upload = async (): Promise<string> => {
    const { id, url } = await caller.call(fileCalls.beginFile, { ...scope, keyId });
    const line = JSON.stringify({ custom_id: 'c', method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: 'a' } });
    expect((await fetch(url, { method: 'PUT', body: line })).status).toBe(204);
    return (await caller.call(fileCalls.finishFile, { tenant, id, filename: 'in.jsonl', purpose: 'batch', expiresAfterSeconds: null })).id;
  };
  const batchOver = (inputFile: string, subject: string | null): Promise<Batch> =>
    caller.call(batchCalls.createBatch, { ...scope, keyId, inputFile, endpoint: '/v1/embeddings', metadata: null, declared: { dataClass: null, purpose: null, subject, subjectRegion: null, dataset: null, tags: [] } });
  const batch = (id: string): Promise<Batch> => caller.call(batchCalls.getBatch, { ...scope, id });
  /** Answers the one line of a batch and waits for its end. */
  const run = async ({ id }: Batch): Promise<Batch> => {
    const line = await eventually(async () => {
      const found = (await caller.call(batchCalls.claimLines, { gateway: 'g', max: 8 })).lines.find((one) => one.batch === id);
      expect(found).toBeDefined();
      return found!;
    });
    expect((await fetch(`${line.url}&good=true`, { method: 'PUT', body: '{"custom_id":"c"}' })).status).toBe(204);
    return eventually(async () => {
      const found = await batch(id);
      expect(found.status).toBe('completed');
      return found;
    });
  };
  /** Not only every five seconds. */
  const round = (): Promise<void> => service.app.get(PersonErasures).round();
  const fileIsThere = (id: string): Promise<boolean> => caller.call(fileCalls.getFile, { ...scope, id }).then(() => true, () => false);

  beforeAll(async () => {
    objects = mkdtempSync(join(tmpdir(), 'mizan-erasures-'));
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    env = schedulerEnvironment(nats, database, objects);
    holding = await runGovernanceOfHolds(nats, said);
    service = await runService(scheduler, env);
    gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
    governance = await Bus.connect({ url: nats.url, creds: nats.credentials.governance, name: 'governance' });
    caller = new Caller(gateway);
    await know(tenant);
  });
  afterAll(async () => {
    await gateway?.close();
    await governance?.close();
    await service?.stop();
    await holding?.stop();
    await database?.drop();
    await nats?.stop();
    rmSync(objects, { recursive: true, force: true });
  });

  it('reaches stored responses that are about them, and nobody else’s; the log says how many, once', async () => {
    const [person, other] = [personOf(), personOf()];
    const elsewhere = { tenant: ids.uuid(), project };
    await know(elsewhere.tenant);
    const mine = [await store([person]), await store([other, person])];
    const spared = [await store([other]), await store([])];
    const foreign = await store([person], elsewhere);
    const erasure = await tell(person);
    await tell(person, erasure);
    await eventually(async () => expect(await reached(erasure)).toEqual([{ erasure, person, responses: 2, files: 0 }]));
    expect(await Promise.all([...mine, ...spared].map((id) => isThere(id)))).toEqual([false, false, true, true]);
    expect(await isThere(foreign, elsewhere)).toBe(true);
    await tell(person, erasure);
    await eventually(async () => expect(await query('SELECT responses, done_at_ms IS NOT NULL AS done FROM scheduler.person_erasures WHERE erasure = $1', [erasure])).toEqual([{ responses: 2, done: true }]));
    expect(await reached(erasure)).toHaveLength(1);
    await eventually(async () => expect(readdirSync(objects, { recursive: true }).filter((path) => mine.some((id) => String(path).endsWith(id)))).toEqual([]));
  });

  it('reaches what is under way: neither a content on its way nor a request that came before it leaves anything', async () => {
    const person = personOf();
    const [late, early] = [ids.uuid(), ids.uuid()];
    const { url } = await begin([person], late);
    const erasure = await tell(person);
    await eventually(async () => expect(await reached(erasure)).toMatchObject([{ responses: 1 }]));
    expect((await fetch(url, { method: 'PUT', body: '{}' })).status).toBe(404);
    await expect(begin([person], early)).rejects.toMatchObject({ code: 'PERSONAL_DATA_ERASED' });
    await expect(begin([personOf()], early)).resolves.toBeDefined();
    // As a request that came a good while later.
    await query('UPDATE scheduler.person_erasures SET taken_at_ms = taken_at_ms - 60000 WHERE erasure = $1', [erasure]);
    const after = await store([person]);
    expect(await isThere(after)).toBe(true);
  });

  it('reaches the files that batches about them read and wrote, and stops a batch that runs', async () => {
    const [person, other] = [personOf(), personOf()];
    const [input, shared, theirs] = [await upload(), await upload(), await upload()];
    const ended = await run(await batchOver(input, person));
    const spared = await run(await batchOver(theirs, other));
    await run(await batchOver(shared, person));
    const reading = await batchOver(shared, other);
    await eventually(async () => expect((await batch(reading.id)).status).toBe('in_progress'));
    const running = await batchOver(await upload(), person);
    await eventually(async () => expect((await batch(running.id)).status).toBe('in_progress'));
    const erasure = await tell(person);
    await eventually(async () => expect((await batch(running.id)).status).toBe('cancelled'));
    await eventually(async () => (await round(), expect(await Promise.all([input, ended.outputFile!, running.inputFile].map(fileIsThere))).toEqual([false, false, false])));
    expect(await Promise.all([theirs, spared.outputFile!].map(fileIsThere))).toEqual([true, true]);
    // Somebody else's batch still reads it: it goes when that has ended.
    expect([await fileIsThere(shared), (await reached(erasure)).length]).toEqual([true, 0]);
    await run(reading);
    await eventually(async () => (await round(), expect(await fileIsThere(shared)).toBe(false)));
    // Three that were read, two that were written, and the line of the stopped one that has no answer.
    await eventually(async () => expect(await reached(erasure)).toMatchObject([{ erasure, responses: 0, files: 6 }]));
  });

  it('is heard of by a service that was away, and gone on with after a restart', async () => {
    const person = personOf();
    const id = await store([person]);
    await service.stop();
    const erasure = await tell(person);
    service = await runService(scheduler, env);
    await eventually(async () => expect(await reached(erasure)).toMatchObject([{ responses: 1 }]));
    expect(await isThere(id)).toBe(false);
  });

  it('is not kept by another one that cannot be recorded yet, of an organisation that is not known here', async () => {
    const person = personOf();
    // Ids go with time: the one that is stuck comes first.
    const stuck = await tell(person, ids.uuid(), ids.uuid());
    const id = await store([person]);
    const erasure = await tell(person);
    await eventually(async () => expect(await reached(erasure)).toMatchObject([{ responses: 1 }]));
    expect(await isThere(id)).toBe(false);
    await expect(round()).rejects.toMatchObject({ code: 'STARTING' });
    expect(await query('SELECT done_at_ms FROM scheduler.person_erasures WHERE erasure = $1', [stuck])).toEqual([{ done_at_ms: null }]);
  });

  describe('and a legal hold', () => {
    const hold = (more: { person?: string; fromMs?: number; untilMs?: number } = {}) => ({ id: ids.uuid(), person: null, fromMs: null, untilMs: null, ...more });
    const of = (entries: Record<string, unknown>[], id: string) => entries.filter((fields) => (fields['ids'] as string[]).includes(id));
    const remove = {
      file: (id: string, asker: { tenant: string; project: string | null } = scope) => caller.call(fileCalls.deleteFile, { ...asker, id }),
      response: (id: string, asker: { tenant: string; project: string | null } = scope) => caller.call(storedResponseCalls.deleteResponse, { ...asker, id }),
    };
    afterEach(() => {
      said.byTenant.clear();
      said.away = false;
    });

    it('keeps what is deleted or expires, hidden and sealed, over a restart, until it is released; each is in the log once', async () => {
      const [file, response, expired] = [await upload(), await store([]), await upload()];
      const placed = hold();
      // One page of holds more than is told at once.
      said.byTenant.set(tenant, [...Array.from({ length: 200 }, () => hold({ untilMs: 1 })), placed]);
      const elsewhere = { tenant: ids.uuid(), project };
      await expect(remove.file(file, elsewhere)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(remove.response(response, elsewhere)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect([await remove.file(file), await remove.response(response)]).toEqual([{ id: file }, { id: response }]);
      await query('UPDATE scheduler.files SET expires_at_ms = 1 WHERE id = $1', [expired]);
      await sweep();
      await service.stop();
      service = await runService(scheduler, env);
      await later();
      await sweep();
      await later();
      await sweep();
      await expect(remove.file(file)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect([await fileIsThere(file), await isThere(response), await fileIsThere(expired)]).toEqual([false, false, false]);
      expect([file, response, expired].map(onDisk)).toEqual([true, true, true]);
      await eventually(async () => expect((await Promise.all([file, response, expired].map(async (id) => of(await told('deletion.held'), id)))).map((found) => found.map(({ holds }) => holds))).toEqual(Array(3).fill([[placed.id]])));
      expect((await told('deletion.done')).length).toBe(0);
      said.byTenant.clear();
      await later();
      await Promise.all([sweep(), sweep()]);
      await eventually(async () => (await sweep(), expect([file, response, expired].map(onDisk)).toEqual([false, false, false])));
      await eventually(async () => expect((await Promise.all([file, response, expired].map(async (id) => of(await told('deletion.done'), id)))).map((found) => found.length)).toEqual([1, 1, 1]));
    });

    it('lets those who answer for it list and read what it keeps, whole and in parts, and nothing that no hold covers now', async () => {
      const ann = personOf();
      const big = 'é'.repeat(heldContentLimits.partBytesMax);
      const [file, response, spared] = [await upload(), await store([ann], scope, big), await store([personOf()])];
      const [ofAnn, ofTime] = [hold({ person: ann }), hold({ untilMs: Date.now() + 60_000 })];
      said.byTenant.set(tenant, [ofAnn]);
      const list = async (kind: ContentKind, of = tenant, limit = 1) => {
        const found: HeldContent[] = [];
        for (let after: string | undefined; ; ) {
          const { data, next } = await caller.call(heldContentCalls.list, { tenant: of, kind, limit, ...(after === undefined ? {} : { after }) });
          found.push(...data);
          if (next === null) return found;
          after = next;
        }
      };
      const read = async (kind: ContentKind, id: string, of = tenant): Promise<Buffer[]> => {
        const parts: Buffer[] = [];
        for (let from: number | null = 0; from !== null; ) {
          const { part, next }: { part: string; next: number | null } = await caller.call(heldContentCalls.read, { tenant: of, kind, id, from });
          parts.push(Buffer.from(part, 'base64'));
          from = next;
        }
        return parts;
      };
      // What is shown is read where it is shown.
      await expect(read('responses', response)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      for (const id of [response, spared]) await remove.response(id);
      await remove.file(file);
      const [known] = (await list('responses')).filter(({ id }) => id === response);
      expect(known).toMatchObject({ kind: 'responses', project, hold: ofAnn.id, filename: null, bytes: Buffer.byteLength(big), persons: [ann] });
      const parts = await read('responses', response);
      expect([parts.length, Buffer.concat(parts).toString('utf8') === big]).toEqual([2, true]);
      expect((await list('responses')).map(({ id }) => id)).not.toContain(spared);
      await expect(read('responses', spared)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      // Of files only their content says whom they are about.
      expect((await list('files', tenant, 100)).find(({ id }) => id === file)).toMatchObject({ kind: 'files', filename: 'in.jsonl', hold: ofAnn.id, persons: [] });
      expect(Buffer.concat(await read('files', file)).toString()).toContain('"custom_id":"c"');

      const elsewhere = ids.uuid();
      said.byTenant.set(elsewhere, [ofTime]);
      expect([await list('responses', elsewhere), await list('files', elsewhere)]).toEqual([[], []]);
      for (const wrong of [() => read('responses', response, elsewhere), () => read('files', response), () => read('responses', ids.uuid())]) await expect(wrong()).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(caller.call(heldContentCalls.read, { tenant, kind: 'responses', id: response, from: Buffer.byteLength(big) + 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      // The hold is gone and nobody has looked yet: its key may be there, and nobody reads by it.
      said.byTenant.clear();
      expect(await list('responses')).toEqual([]);
      await expect(read('responses', response)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      said.away = true;
      await expect(list('files')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    });

    it('lets go of what it does not cover, which is no entry, and of another organisation’s', async () => {
      const [ann, bob] = [personOf(), personOf()];
      const [about, notAbout, unsaid] = [await store([ann, bob]), await store([bob]), await store([])];
      said.byTenant.set(tenant, [hold({ person: ann }), hold({ untilMs: 1_000 })]).set(ids.uuid(), [hold()]);
      for (const id of [about, notAbout, unsaid]) await remove.response(id);
      await sweep();
      expect([about, notAbout, unsaid].map(onDisk)).toEqual([true, false, true]);
      expect(of(await told('deletion.done'), notAbout)).toEqual([]);
    });

    it('of one person keeps what another’s erasure would take with it', async () => {
      const [ann, bob] = [personOf(), personOf()];
      const [both, alone] = [await store([ann, bob]), await store([bob])];
      said.byTenant.set(tenant, [hold({ person: ann })]);
      const erasure = await tell(bob);
      await eventually(async () => expect(await reached(erasure)).toMatchObject([{ responses: 2 }]));
      await sweep();
      expect([await isThere(both), onDisk(both), onDisk(alone)]).toEqual([false, true, false]);
      // Ann's own erasure comes when nothing holds her: then it goes at once, whoever else is away.
      said.away = true;
      await tell(ann);
      await eventually(async () => (await sweep().catch(() => undefined), expect(onDisk(both)).toBe(false)));
    });

    it('that nobody can be asked about is taken for one: nothing is destroyed, and all of it goes when governance is back', async () => {
      const [file, response] = [await upload(), await store([])];
      said.away = true;
      await remove.file(file);
      await remove.response(response);
      await expect(sweep()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      await expect(service.app.get(ResponseSweeper).sweep()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      expect([await fileIsThere(file), onDisk(file), await isThere(response), onDisk(response)]).toEqual([false, true, false, true]);
      said.away = false;
      await eventually(async () => (await sweep(), expect([file, response].map(onDisk)).toEqual([false, false])));
    });
  });
});
