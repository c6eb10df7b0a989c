import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import { openNote, parseVerifierKey, sha256, verifySignature } from '#merkle';
import type { Caller } from '#messaging';
import { bucketCalls, erasureCalls, failure, governanceCalls, manifestHash, manifestNoteText, newBucket, retentionCalls, Sealer, sealRecord, type Bucket, type ExportedEntry, type SignedManifest, type TenantEntry } from '#protocol';
import { eventually as within, GovernanceStack, nobody } from '../governance-harness.js';
import { ObjectServer } from '#testing';
import { Exports } from '../exports/exports.service.js';
import { BucketPushes } from './bucket-pushes.service.js';


const ids = new SystemIds(new SystemClock());
const region = 'eu-central-1';
const credentials = { accessKeyId: 'AKID', secretAccessKey: 'a secret/of+40 characters' };
let stack: GovernanceStack;
let caller: Caller;
let server: ObjectServer;

const eventually = <T>(ask: () => T | Promise<T>): Promise<T> => within(ask, 45_000);
/** Rounds come by hand. */
const push = (): Promise<void> => stack.service.app.get(BucketPushes, { strict: false }).push();
const list = async (tenant: string): Promise<Bucket> => (await caller.call(bucketCalls.list, { tenant })).data[0]!;
/** Not while a round has it: that would take its claim away, and the object would be put again. */
const makeDue = (id: string): Promise<unknown> => stack.asSuperuser('UPDATE governance.buckets SET next_attempt_ms = 0 WHERE id = $1 AND next_attempt_ms NOT BETWEEN $2 AND $3', [id, Date.now() + 100_000, Date.now() + 301_000]);
const add = (tenant: string, more: Partial<{ after: number | null; format: 'jsonl' | 'ocsf'; prefix: string; bucket: string; endpoint: string }> = {}) =>
  caller.call(bucketCalls.create, { actor: nobody, tenant, endpoint: server.url, region, bucket: 'audit', prefix: 'mizan', format: 'jsonl', credentials, after: null, ...more });

async function bank(): Promise<TenantEntry> {
  const entry = await stack.bank();
  await eventually(() => caller.call(governanceCalls.proveRecord, { tenant: entry.tenant, id: entry.tenant }));
  return entry;
}

/** Records of the organisation, in the log; gives their ids. */
async function refuse(entry: TenantEntry, count: number, person?: string): Promise<string[]> {
  const about = person === undefined ? undefined : await caller.call(erasureCalls.personKey, { tenant: entry.tenant, person });
  const sealer = new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId);
  const records = Array.from({ length: count }, () => {
    const id = ids.uuid();
    const fields = { note: id, ...(person !== undefined && { subject: person }) };
    return sealRecord({ id, type: 'refused', timeMs: Date.now(), fields, facts: null }, entry, sealer, about && new Sealer(Buffer.from(about.publicKey, 'base64'), about.keyId));
  });
  for (let at = 0; at < count; at += 64) await stack.publish(...records.slice(at, at + 64));
  await eventually(() => caller.call(governanceCalls.proveRecord, { tenant: entry.tenant, id: records.at(-1)!.id }));
  return records.map(({ id }) => id);
}

/** Makes a bucket due until it has this record, and remembers that it has. */
async function pushed(tenant: string, record: string): Promise<void> {
  await eventually(async () => {
    await makeDue((await list(tenant)).id);
    await push();
    const found = entriesIn(tenant).find(({ id }) => id === record);
    expect(found).toBeDefined();
    expect((await list(tenant)).last).toBeGreaterThanOrEqual(found!.index);
  });
}

const objectsOf = (tenant: string): [string, string][] => [...server.objects].filter(([key]) => key.includes(tenant) && !key.endsWith('.manifest.json')).sort(([a], [b]) => (a < b ? -1 : 1));
const linesOf = (body: string): (ExportedEntry & { kind: string; after?: number | null; next?: number | null; sha256?: string })[] => body.trim().split('\n').map((line) => JSON.parse(line) as never);
/** All entries in the bucket, by the names of the objects. */
const entriesIn = (tenant: string): ExportedEntry[] => objectsOf(tenant).flatMap(([, body]) => linesOf(body).filter(({ kind }) => kind === 'entry'));

/** Every object is whole and goes on where the one before ended. */
function expectWhole(tenant: string): void {
  let last: number | null = null;
  for (const [key, body] of objectsOf(tenant)) {
    const [lines, split] = [linesOf(body), body.lastIndexOf('\n', body.length - 2) + 1];
    const entries = lines.filter(({ kind }) => kind === 'entry');
    expect(key).toBe(`/audit/mizan/${tenant}/${String(entries[0]!.index).padStart(15, '0')}.jsonl`);
    expect(lines[0]).toMatchObject({ kind: 'export', tenant, after: last });
    expect(lines.at(-1)).toMatchObject({ kind: 'end', entries: entries.length, sha256: createHash('sha256').update(body.slice(0, split)).digest('hex') });
    const { manifest, note, logKey } = JSON.parse(server.objects.get(key.replace('.jsonl', '.manifest.json'))!) as SignedManifest;
    expect(manifest).toMatchObject({ organisation: tenant, format: 'jsonl', after: last, entries: entries.length, first: entries[0]!.index, last: entries.at(-1)!.index, gaps: [], files: [{ name: key.replace('/audit/', ''), bytes: Buffer.byteLength(body), sha256: createHash('sha256').update(body).digest('hex') }] });
    expect(openNote(note, [parseVerifierKey(sha256, logKey)], verifySignature).text).toBe(manifestNoteText('mizan.test/audit', manifest, manifestHash(manifest)));
    for (const { index, previous } of entries) {
      expect(previous).toBe(last);
      last = index;
    }
  }
}

beforeAll(async () => {
  server = await ObjectServer.start(new Map([[credentials.accessKeyId, credentials.secretAccessKey], ['NEW', 'another secret']]), region);
  // The service's own rounds come once a second; a bucket is due again after an hour.
  stack = await GovernanceStack.start({ BUCKET_OUTBOUND_ALLOW: '127.0.0.1/32', BUCKET_PUSH_MS: '3600000' });
  ({ caller } = stack);
});

afterAll(async () => {
  await stack?.stop();
  await server?.stop();
});

describe('a bucket', () => {
  it('is put every entry once, with its body, in objects that go on from each other; each is in the log', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const first = await refuse(entry, 3);
    const made = await add(tenant);
    expect(made).toMatchObject({ tenant, accessKeyId: 'AKID', state: 'active', position: -1, last: null, objects: 0 });
    expect(JSON.stringify(made)).not.toContain('secret/of');
    await pushed(tenant, first.at(-1)!);
    const second = await refuse(entry, 2);
    await pushed(tenant, second.at(-1)!);
    expectWhole(tenant);
    const refused = entriesIn(tenant).filter(({ type }) => type === 'refused');
    expect(refused.map(({ id, fields }) => [id, fields])).toEqual([...first, ...second].map((id) => [id, { note: id }]));
    expect(server.refused).toEqual([]);
    const exported = await eventually(async () => {
      const { data } = await caller.call(governanceCalls.listRecords, { tenant, type: 'log.exported', limit: 9 });
      expect(data.length).toBeGreaterThanOrEqual(2);
      return Promise.all(data.map(async ({ id }) => (await caller.call(governanceCalls.getRecord, { tenant, id })).entries[0]!.body!.fields));
    });
    for (const { key, sha256, first: from } of exported as { key: string; sha256: string; first: number }[]) {
      const put = server.puts.find((one) => one.key === `/audit/${key}` && createHash('sha256').update(one.body).digest('hex') === sha256)!;
      expect(linesOf(put.body)[1]!.index).toBe(from);
    }
    expect((await caller.call(governanceCalls.listRecords, { tenant, type: 'buckets.changed', limit: 9 })).data).toHaveLength(1);
  });

  it('ends: objects of nothing but exports are no reason for another entry', async () => {
    const entry = await bank();
    const [id] = await refuse(entry, 1);
    await add(entry.tenant);
    await pushed(entry.tenant, id!);
    const exports = async (): Promise<string[]> => (await caller.call(governanceCalls.listRecords, { tenant: entry.tenant, type: 'log.exported', limit: 9 })).data.map((one) => one.id);
    const known = await eventually(async () => {
      const found = await exports();
      expect(found.length).toBeGreaterThan(0);
      return found;
    });
    for (const one of known) await pushed(entry.tenant, one);
    const { size } = await caller.call(governanceCalls.checkpoint, {});
    await eventually(async () => {
      await makeDue((await list(entry.tenant)).id);
      await push();
      expect((await list(entry.tenant)).position).toBeGreaterThanOrEqual(size - 1);
    });
    expectWhole(entry.tenant);
  });

  it('goes on after failures, however many, and leaves nothing out; what is wrong is told without what answered', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const { id } = await add(tenant);
    await pushed(tenant, tenant);
    server.failsWith = 503;
    try {
      const lost = await refuse(entry, 2);
      for (let attempts = 1; attempts <= 3; attempts += 1) {
        await eventually(async () => {
          await makeDue(id);
          await push();
          expect((await list(tenant)).attempts).toBeGreaterThanOrEqual(attempts);
        });
      }
      const held = await list(tenant);
      expect(held).toMatchObject({ state: 'active', lastError: 'it answered 503' });
      expect(held.nextAttemptMs).toBeGreaterThan(Date.now());
      expect(entriesIn(tenant).map((one) => one.id)).not.toContain(lost[0]);
      server.failsWith = undefined;
      await pushed(tenant, lost.at(-1)!);
      expect(await list(tenant)).toMatchObject({ attempts: 0, lastError: null });
      expectWhole(tenant);
    } finally {
      server.failsWith = undefined;
    }
  });

  it('is put the same object again when the process died before it remembered that it was put', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const { id } = await add(tenant);
    await pushed(tenant, tenant);
    const before = await list(tenant);
    const first = await refuse(entry, 2);
    await pushed(tenant, first.at(-1)!);
    // As if the row of the cursor had not been written: what follows is what a new process does.
    await stack.asSuperuser('UPDATE governance.buckets SET position = $2, last = $3, objects = $4 WHERE id = $1', [id, before.position, before.last, before.objects]);
    const keys = objectsOf(tenant).map(([key]) => key);
    const repeated = keys.find((key) => Number(/(\d{15})\.jsonl$/.exec(key)![1]) > before.last!)!;
    const more = await refuse(entry, 1);
    await stack.restart();
    await pushed(tenant, more[0]!);
    expectWhole(tenant);
    expect(server.puts.filter(({ key }) => key === repeated).length).toBeGreaterThanOrEqual(2);
    expect(entriesIn(tenant).filter(({ type }) => type === 'refused').map((one) => one.id)).toEqual([...first, ...more]);
  });

  it('is served by one of several at once', async () => {
    const entry = await bank();
    const [, last] = await refuse(entry, 2);
    await add(entry.tenant);
    await Promise.all([push(), push(), push(), push()]);
    await pushed(entry.tenant, last!);
    expectWhole(entry.tenant);
    expect(server.puts.filter(({ key }) => key.endsWith(`${entry.tenant}/${String(entriesIn(entry.tenant)[0]!.index).padStart(15, '0')}.jsonl`))).toHaveLength(1);
  });

  it('that is changed while an object is on its way is put no other until that has arrived: none can come behind a later one of its name', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const { id } = await add(tenant);
    await pushed(tenant, tenant);
    const putsOf = (): number => server.puts.filter(({ key }) => key.includes(tenant) && key.endsWith('.jsonl')).length;
    const before = putsOf();
    server.unsaid = [];
    try {
      await refuse(entry, 1);
      await makeDue(id);
      const underWay = push();
      await eventually(() => expect(putsOf()).toBe(before + 1));
      await caller.call(bucketCalls.change, { actor: nobody, tenant, id, change: { state: 'active' } });
      await push();
      expect(putsOf()).toBe(before + 1);
      const [more] = await refuse(entry, 1);
      const waiting = server.unsaid;
      server.unsaid = undefined;
      for (const answer of waiting) answer();
      await underWay;
      await pushed(tenant, more!);
      expectWhole(tenant);
    } finally {
      server.unsaid?.forEach((answer) => answer());
      server.unsaid = undefined;
    }
  });

  it('says why nothing is put where entries cannot be opened, as when the KMS of an organisation is away; no other bucket waits for it', async () => {
    const [entry, other] = [await bank(), await bank()];
    const exports = stack.service.app.get(Exports, { strict: false });
    const page = exports.page.bind(exports);
    exports.page = (request) => (request.tenant === entry.tenant ? Promise.reject(failure('KMS_UNAVAILABLE', 'the KMS of this organisation is away')) : page(request));
    try {
      // After the KMS went away: what was added is begun at once.
      const [{ id }, fine] = [await add(entry.tenant), await add(other.tenant)];
      await eventually(async () => {
        await makeDue(id);
        await push();
        expect(await list(entry.tenant)).toMatchObject({ state: 'active', lastError: 'the KMS of this organisation is away', position: -1 });
      });
      expect((await list(entry.tenant)).attempts).toBeGreaterThan(0);
      await pushed(other.tenant, other.tenant);
      expect(await list(other.tenant)).toMatchObject({ id: fine.id, lastError: null });
    } finally {
      exports.page = page;
    }
    await pushed(entry.tenant, entry.tenant);
    expectWhole(entry.tenant);
  });

  it('is not gone on with when the log is another than the one that was put there', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const { id } = await add(tenant);
    await pushed(tenant, tenant);
    await refuse(entry, 1);
    await stack.asSuperuser('UPDATE governance.buckets SET last = last + 1, next_attempt_ms = 0 WHERE id = $1', [id]);
    await eventually(async () => {
      await push();
      expect(await list(tenant)).toMatchObject({ state: 'disabled', lastError: expect.stringContaining('not the log that was put here before') });
    });
    await eventually(async () => expect((await caller.call(governanceCalls.listRecords, { tenant, type: 'buckets.changed', limit: 9 })).data).toHaveLength(2));
    const resumed = await caller.call(bucketCalls.change, { actor: nobody, tenant, id, change: { state: 'active', after: null } });
    expect(resumed).toMatchObject({ state: 'active', position: -1, last: null });
    await stack.asSuperuser('UPDATE governance.buckets SET position = 1000000000, next_attempt_ms = 0 WHERE id = $1', [id]);
    await eventually(async () => {
      await push();
      expect(await list(tenant)).toMatchObject({ state: 'disabled', lastError: expect.stringContaining('entries, and it was looked at up to') });
    });
  });

  it('is put events of OCSF where it asks for them, with new credentials once it has them', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const [refused] = await refuse(entry, 1);
    const { id } = await add(tenant, { format: 'ocsf', prefix: '' });
    await caller.call(bucketCalls.change, { actor: nobody, tenant, id, change: { credentials: { accessKeyId: 'NEW', secretAccessKey: 'wrong' } } });
    server.refused.length = 0;
    await eventually(async () => {
      await makeDue(id);
      await push();
      expect(await list(tenant)).toMatchObject({ accessKeyId: 'NEW', lastError: 'it answered 403' });
    });
    expect(server.refused).toContain('SignatureDoesNotMatch');
    await caller.call(bucketCalls.change, { actor: nobody, tenant, id, change: { credentials: { accessKeyId: 'NEW', secretAccessKey: 'another secret' } } });
    const body = await eventually(async () => {
      await makeDue(id);
      await push();
      const found = objectsOf(tenant).map(([, text]) => text).join('');
      expect(found).toContain(refused);
      return found;
    });
    const events = body.trim().split('\n').map((line) => JSON.parse(line) as { class_uid: number; metadata: { event_code: string; uid: string } });
    expect(events).toContainEqual(expect.objectContaining({ class_uid: 6003, metadata: expect.objectContaining({ event_code: 'refused', uid: `${refused}:refused` }) }));
    expect(objectsOf(tenant)[0]![0]).toMatch(new RegExp(`^/audit/${tenant}/\\d{15}\\.ocsf\\.jsonl$`));
    const [row] = (await stack.asSuperuser('SELECT credentials::text AS kept FROM governance.buckets WHERE id = $1', [id])) as { kept: string }[];
    expect(row!.kept).not.toMatch(/another secret|YW5vdGhlciBzZWNyZXQ/);
    expect((await caller.call(bucketCalls.remove, { actor: nobody, tenant, id })).id).toBe(id);
    await expect(caller.call(bucketCalls.remove, { actor: nobody, tenant, id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('gets no body of what an erasure waits for', async () => {
    const entry = await bank();
    const { tenant } = entry;
    const person = randomBytes(32).toString('hex');
    const [record] = await refuse(entry, 1, person);
    await caller.call(retentionCalls.placeHold, { actor: nobody, tenant, hold: { reason: 'litigation', reference: null, person, fromMs: null, untilMs: null } });
    await caller.call(erasureCalls.erase, { actor: nobody, tenant, person, basis: 'GDPR Art. 17(1)(b)', reference: null }).catch(() => undefined);
    await add(tenant);
    await pushed(tenant, record!);
    expect(entriesIn(tenant).find(({ id }) => id === record)).toMatchObject({ fields: null, error: { code: 'RECORD_RESTRICTED' } });
  });

  it.each([
    ['an address inside', { endpoint: 'https://169.254.169.254' }, 'URL_REFUSED'],
    ['a name inside', { endpoint: 'https://minio.internal' }, 'URL_REFUSED'],
    ['an endpoint with a path', { endpoint: 'https://s3.example/other' }, 'URL_REFUSED'],
  ])('is not %s', async (_, more, code) => {
    const { tenant } = await stack.bank();
    await expect(add(tenant, more)).rejects.toMatchObject({ code });
  });

  it('has a name and a prefix that stay in their place', () => {
    const of = (more: object): boolean => newBucket.safeParse({ endpoint: server.url, region, bucket: 'audit', credentials, ...more }).success;
    expect([of({}), of({ prefix: 'a/b-c/d.e' })]).toEqual([true, true]);
    for (const wrong of [{ bucket: '../other' }, { bucket: 'a/b' }, { bucket: 'A' }, { prefix: 'a/../b' }, { prefix: '/a' }, { prefix: 'a//b' }, { prefix: 'a/' }, { prefix: 'a?b' }, { region: 'x/y' }]) expect([wrong, of(wrong)]).toEqual([wrong, false]);
  });
});
