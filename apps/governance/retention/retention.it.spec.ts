import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { SystemClock, SystemIds } from '#kernel';
import { formatBundle, nodeCrypto, parseVerifierKey, sha256, verifyBundle } from '#merkle';
import type { Caller, ReplicaView } from '#messaging';
import { bundleCalls, closeCalls, custodyCalls, erasureCalls, governanceCalls, exportCalls, requestKeyOf, retentionCalls, Sealer, sealRecord, type Reader, type RecordType, type TenantEntry } from '#protocol';
import { eventually, GovernanceStack, nobody } from '../governance-harness.js';
import { RetentionRounds } from './retention-rounds.service.js';

const ids = new SystemIds(new SystemClock());
const dayMs = 86_400_000;
let stack: GovernanceStack;
let caller: Caller;
let tenants: ReplicaView<TenantEntry>;

async function bank(): Promise<string> {
  const { tenant } = await stack.bank();
  await eventually(() => expect(tenants.get(tenant)?.requestKey).toBeDefined());
  return tenant;
}

/** A request as its gateway would record it now, about nobody or about a person; gives its id. */
async function recordOf(tenant: string, person?: string, timeMs = Date.now()): Promise<string> {
  const entry = tenants.get(tenant)!;
  const { id: keyId, key } = requestKeyOf(entry);
  const id = ids.uuid();
  const about = person === undefined ? undefined : await caller.call(erasureCalls.personKey, { tenant, person });
  const sealer = new Sealer(Buffer.from(key, 'base64'), keyId);
  const draft = { id, type: 'completed' as const, timeMs, fields: { note: id, chargeNanos: '7', subject: person ?? null }, facts: null };
  const record = sealRecord(draft, entry, sealer, about && new Sealer(Buffer.from(about.publicKey, 'base64'), about.keyId));
  await stack.publish(record);
  await eventually(async () => expect(await found(tenant, id)).toBe(1));
  return id;
}

const read = async (tenant: string, id: string, reader?: Reader) => (await caller.call(governanceCalls.getRecord, { tenant, id, reader })).entries[0]!;
const readerOf = (tenant: string, role: Reader['role']): Reader => ({ keyId: randomUUID(), tenant, role });
const noteOf = async (tenant: string, id: string): Promise<unknown> => (await read(tenant, id)).body?.fields['note'];
const found = async (tenant: string, record: string): Promise<number> => (await caller.call(governanceCalls.listRecords, { tenant, record, limit: 9 })).data.length;
const entriesOf = async (tenant: string, type: RecordType, count: number) =>
  eventually(async () => {
    const { data } = await caller.call(governanceCalls.listRecords, { tenant, type, limit: 50 });
    expect(data).toHaveLength(count);
    return (await read(tenant, data[0]!.id)).body!.fields;
  });
const keep = (tenant: string, days: number | null, laws: 'eu.ai-act'[] = []) => caller.call(retentionCalls.put, { actor: nobody, tenant, rules: { laws, days } });
const place = (tenant: string, more: { person?: string; fromMs?: number; untilMs?: number } = {}) =>
  caller.call(retentionCalls.placeHold, { actor: nobody, tenant, hold: { reason: 'litigation', reference: null, person: null, fromMs: null, untilMs: null, ...more } });
const release = (tenant: string, id: string) => caller.call(retentionCalls.releaseHold, { actor: nobody, tenant, id });
/** As if it were so many days later. */
const daysLater = (days: number): Promise<void> => stack.service.app.get(RetentionRounds, { strict: false }).round(Date.now() + days * dayMs);

beforeAll(async () => {
  stack = await GovernanceStack.start();
  ({ caller, tenants } = stack);
});

afterAll(() => stack?.stop());

describe('retention', () => {
  it('seals requests to a new key each week, and destroys a key when its period is over: never before, and told by the log', async () => {
    const tenant = await bank();
    await keep(tenant, 30);
    const first = tenants.get(tenant)!.requestKey!.id;
    const old = await recordOf(tenant);
    await daysLater(6.9);
    expect(tenants.get(tenant)!.requestKey!.id).toBe(first);
    await daysLater(7.1);
    await eventually(() => expect(tenants.get(tenant)!.requestKey!.id).not.toBe(first));
    const recent = await recordOf(tenant, undefined, Date.now() + 8 * dayMs);
    // In use for 7 days, a day of grace, 30 days of retention.
    await daysLater(38);
    expect([await noteOf(tenant, old), await noteOf(tenant, recent)]).toEqual([old, recent]);
    await daysLater(38.2);
    const { body, expired } = await read(tenant, old);
    expect(body).toBeNull();
    expect(expired).toEqual({ code: 'RECORD_EXPIRED', message: expect.stringContaining('period'), retention: expect.any(String), expiredAtMs: expect.any(Number) });
    expect([await noteOf(tenant, recent), await found(tenant, old), await found(tenant, recent)]).toEqual([recent, 0, 1]);
    expect(await entriesOf(tenant, 'retention.applied', 1)).toMatchObject({ keys: [first], days: 30, effectiveDays: 30, searchRows: 1, held: 0 });
    expect((await caller.call(custodyCalls.list, { tenant, limit: 9 })).data.filter(({ destroyedAtMs }) => destroyedAtMs !== null).map(({ id }) => id)).toEqual([first]);
    await daysLater(38.3);
    await entriesOf(tenant, 'retention.applied', 1);
  });

  it('leaves the log, its proofs and the close what they are', async () => {
    const tenant = await bank();
    await keep(tenant, 1);
    const record = await recordOf(tenant);
    await daysLater(8);
    await daysLater(20);
    expect((await read(tenant, record)).expired?.code).toBe('RECORD_EXPIRED');
    const { logKey } = await caller.call(governanceCalls.checkpoint, {});
    const verdict = verifyBundle(formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id: record })), nodeCrypto, { logKey: parseVerifierKey(sha256, logKey) });
    expect(verdict.checks.filter(({ holds }) => holds === false)).toEqual([]);
    expect(verdict.result).toBe('incomplete');
    const { ends } = await caller.call(closeCalls.recordEnds, { from: 0 });
    expect(ends.filter((end) => end.record === record)).toMatchObject([{ chargeNanos: null, unreadable: false }]);
    // What changes of the organisation said is kept.
    expect((await read(tenant, tenant)).body).toMatchObject({ fields: { organisation: tenant } });
  });

  it('deletes nothing where no period is set, and takes none that is shorter than a law’s', async () => {
    const tenant = await bank();
    const record = await recordOf(tenant);
    await daysLater(8);
    await daysLater(9_000);
    expect(await noteOf(tenant, record)).toBe(record);
    await expect(keep(tenant, 183, ['eu.ai-act'])).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'days' } });
    expect(await keep(tenant, null, ['eu.ai-act'])).toMatchObject({ effectiveDays: 184 });
    expect(await caller.call(retentionCalls.get, { tenant })).toMatchObject({ laws: ['eu.ai-act'], days: null, effectiveDays: 184 });
    await entriesOf(tenant, 'retention.changed', 1);
    await expect(keep(randomUUID(), 9)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a legal hold', () => {
  it('wins over retention until it is released; each is in the log', async () => {
    const tenant = await bank();
    await keep(tenant, 1);
    const record = await recordOf(tenant);
    const [all, before] = [await place(tenant), await place(tenant, { untilMs: Date.now() - 365 * dayMs })];
    await daysLater(8);
    await daysLater(400);
    expect(await noteOf(tenant, record)).toBe(record);
    const released = await release(tenant, all.id);
    expect(released.releasedAtMs).not.toBeNull();
    expect(await release(tenant, all.id)).toEqual(released);
    // The other one is of a time in which nothing was recorded.
    await daysLater(401);
    expect((await read(tenant, record)).expired?.code).toBe('RECORD_EXPIRED');
    expect((await caller.call(retentionCalls.listHolds, { tenant, limit: 1 }))).toMatchObject({ data: [{ id: before.id, releasedAtMs: null }], hasMore: true });
    expect(await entriesOf(tenant, 'hold.placed', 2)).toMatchObject({ reason: 'litigation' });
    await entriesOf(tenant, 'hold.released', 1);
  });

  it('is told to services that delete while it lives, without its reason; of an organisation that is not known nothing is said', async () => {
    const tenant = await bank();
    const [first, second] = [await place(tenant), await place(tenant, { untilMs: 7 })];
    const live = (of: string, more: { after?: string; limit?: number } = {}) => caller.call(retentionCalls.liveHolds, { tenant: of, limit: 50, ...more });
    expect(await live(tenant)).toEqual({ data: [{ id: second.id, person: null, fromMs: null, untilMs: 7 }, { id: first.id, person: null, fromMs: null, untilMs: null }], hasMore: false });
    expect(await live(tenant, { limit: 1 })).toMatchObject({ data: [{ id: second.id }], hasMore: true });
    expect(await live(tenant, { limit: 1, after: second.id })).toMatchObject({ data: [{ id: first.id }], hasMore: false });
    await release(tenant, second.id);
    expect((await live(tenant)).data.map(({ id }) => id)).toEqual([first.id]);
    expect(await live(await bank())).toEqual({ data: [], hasMore: false });
    await expect(live(randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(live(tenant, { after: 'x' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('wins over erasure, which is kept and done by whoever releases the last one', async () => {
    const tenant = await bank();
    const [person, other] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
    const [record, free] = [await recordOf(tenant, person), await recordOf(tenant, other)];
    const holds = [await place(tenant, { person }), await place(tenant, { person, fromMs: Date.now() - dayMs })];
    const erase = (whom: string) => caller.call(erasureCalls.erase, { actor: nobody, tenant, person: whom, basis: 'GDPR Art. 17(1)(b)', reference: null });
    const refused = await erase(person).catch((error: { code: string; details: object }) => error);
    expect(refused).toMatchObject({ code: 'LEGAL_HOLD', details: { holds: holds.map(({ id }) => id) } });
    await expect(erase(person)).rejects.toMatchObject({ code: 'LEGAL_HOLD', details: { held: (refused as { details: { held: string } }).details.held } });
    await erase(other);
    expect((await read(tenant, free)).body!.error?.code).toBe('PERSONAL_DATA_ERASED');
    await release(tenant, holds[0]!.id);
    expect((await read(tenant, record, readerOf(tenant, 'compliance'))).body!.fields).toMatchObject({ subject: person });
    expect((await caller.call(retentionCalls.listHeld, { tenant, limit: 9 })).data).toMatchObject([{ person, basis: 'GDPR Art. 17(1)(b)' }]);
    await release(tenant, holds[1]!.id);
    expect((await read(tenant, record)).body!.error?.code).toBe('PERSONAL_DATA_ERASED');
    expect((await caller.call(retentionCalls.listHeld, { tenant, limit: 9 })).data).toEqual([]);
    await entriesOf(tenant, 'erasure.held', 1);
    await entriesOf(tenant, 'person.erased', 2);
  });

  it('restricts what an erasure waits for: few read it, each is recorded, and sums and proofs go on', async () => {
    const tenant = await bank();
    const [person, other] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
    const [record, free] = [await recordOf(tenant, person), await recordOf(tenant, other)];
    const { id: hold } = await place(tenant, { person });
    expect((await read(tenant, record, readerOf(tenant, 'developer'))).restricted).toBeUndefined();
    const refused = await caller.call(erasureCalls.erase, { actor: nobody, tenant, person, basis: 'GDPR Art. 17(1)(b)', reference: null }).catch((error: unknown) => error);
    const { held } = (refused as { details: { held: string } }).details;

    for (const role of ['developer', 'org_admin', 'platform_admin', 'finance'] as const) {
      expect(await read(tenant, record, readerOf(tenant, role))).toMatchObject({ body: null, restricted: { code: 'RECORD_RESTRICTED', erasure: held } });
    }
    expect((await read(tenant, record)).body).toBeNull();
    expect((await read(tenant, record, readerOf(await bank(), 'auditor'))).body).toBeNull();
    expect((await read(tenant, free, readerOf(tenant, 'developer'))).body!.fields).toMatchObject({ subject: other });
    const [auditor, developer] = [readerOf(tenant, 'auditor'), readerOf(tenant, 'developer')];
    for (const reader of [auditor, readerOf(tenant, 'compliance')]) {
      expect(await read(tenant, record, reader)).toMatchObject({ body: { fields: { subject: person } }, restricted: { erasure: held } });
    }
    expect(await entriesOf(tenant, 'data.read', 6)).toMatchObject({ what: 'record', record, restricted: [held], actor: { role: 'compliance' } });

    const taken = async (reader: Reader) => (await caller.call(exportCalls.page, { tenant, after: null, until: 10 ** 9, limit: 99, reader })).data.find(({ id }) => id === record)!;
    expect(await taken(developer)).toMatchObject({ fields: null, error: { code: 'RECORD_RESTRICTED' } });
    expect(await taken(auditor)).toMatchObject({ fields: { subject: person } });
    expect(await entriesOf(tenant, 'data.read', 7)).toMatchObject({ what: 'export', restricted: [held], actor: { keyId: auditor.keyId } });
    await expect(caller.call(governanceCalls.dryRunPolicy, { tenant, record, reader: developer })).rejects.toMatchObject({ code: 'RECORD_RESTRICTED', details: { erasure: held } });
    const { logKey } = await caller.call(governanceCalls.checkpoint, {});
    const bundle = async (reader: Reader, fields?: string[]) => verifyBundle(formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id: record, reader, fields })), nodeCrypto, { logKey: parseVerifierKey(sha256, logKey) });
    expect((await bundle(developer)).checks.filter(({ holds }) => holds === false)).toEqual([]);
    expect((await bundle(auditor, ['subject'])).entries.map(({ fields }) => fields?.['subject'] ?? null)).toContain(person);
    expect(await entriesOf(tenant, 'data.read', 8)).toMatchObject({ what: 'bundle', record, fields: ['subject'], restricted: [held], actor: { keyId: auditor.keyId } });
    expect((await caller.call(closeCalls.recordEnds, { from: 0 })).ends.filter((end) => end.record === record)).toMatchObject([{ chargeNanos: 7n }]);

    await release(tenant, hold);
    expect(await read(tenant, record, auditor)).toMatchObject({ body: { error: { code: 'PERSONAL_DATA_ERASED' } } });
    expect((await read(tenant, record, developer)).restricted).toBeUndefined();
  });

  it('of a person keeps what was sealed since they were known; and is of one organisation', async () => {
    const [tenant, elsewhere] = [await bank(), await bank()];
    await Promise.all([keep(tenant, 1), keep(elsewhere, 1)]);
    const person = randomBytes(32).toString('hex');
    const [record, other] = [await recordOf(tenant, person), await recordOf(elsewhere)];
    const { id } = await place(tenant, { person });
    await daysLater(8);
    await daysLater(20);
    expect((await read(tenant, record)).body!.fields).toMatchObject({ subject: person });
    expect((await read(elsewhere, other)).expired?.code).toBe('RECORD_EXPIRED');
    await expect(release(elsewhere, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await caller.call(retentionCalls.listHolds, { tenant: elsewhere, limit: 9 })).data).toEqual([]);
    await expect(place(tenant, { fromMs: 2, untilMs: 1 })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'untilMs' } });
  });

  it('that is placed while a round runs holds or comes after it: nothing is half destroyed', async () => {
    const tenant = await bank();
    await keep(tenant, 1);
    const record = await recordOf(tenant);
    await daysLater(8);
    const [, { id }] = await Promise.all([daysLater(20), place(tenant)]);
    const { body, expired } = await read(tenant, record);
    expect([body === null, expired === undefined].filter(Boolean)).toHaveLength(1);
    expect(await found(tenant, record)).toBe(body === null ? 0 : 1);
    await daysLater(30);
    expect((await read(tenant, record)).body === null).toBe(body === null);
    await release(tenant, id);
  });
});
