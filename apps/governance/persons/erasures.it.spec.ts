import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { SystemClock, SystemIds } from '#kernel';
import { nodeCrypto, parseVerifierKey, sha256, verifyBundle, formatBundle } from '#merkle';
import type { Caller } from '#messaging';
import { bodyMatchesEnvelope, bundleCalls, closeCalls, erasureCalls, governanceCalls, parseEnvelope, Sealer, sealRecord, type DecisionFields, type LogRecord, type TenantEntry } from '#protocol';
import { eventually, GovernanceStack, nobody } from '../governance-harness.js';

const ids = new SystemIds(new SystemClock());
const personOf = (): string => randomBytes(32).toString('hex');
let stack: GovernanceStack;
let caller: Caller;

const sealerOf = async (tenant: string, person: string): Promise<Sealer> => {
  const { keyId, publicKey } = await caller.call(erasureCalls.personKey, { tenant, person });
  return new Sealer(Buffer.from(publicKey, 'base64'), keyId);
};

const decision = (person: string): DecisionFields => ({
  principal: { keyId: randomUUID(), project: randomUUID(), role: 'developer' }, model: 'm', endpoint: 'embeddings', declaredClass: 'internal', dataClass: 'internal', findings: [], purpose: null,
  subject: person, subjectRegion: null, dataset: null, tags: ['sender:a@b.org'], policyVersion: 0, policyHash: null, decision: 'deny', policies: [{ id: 'old', reason: null }], permittedOffers: 0, consideredOffers: 1, durability: 'one-replica',
});

const seal = (entry: TenantEntry, type: 'refused' | 'completed', id: string, fields: object, person?: Sealer): LogRecord =>
  sealRecord({ id, type, timeMs: Date.now(), fields: fields as never, facts: null }, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId), person);

/** A refused request about a person, and a charged one; gives the id of the record. */
async function recordAbout(entry: TenantEntry, person: string, sealer?: Sealer): Promise<string> {
  const id = ids.uuid();
  await stack.publish(seal(entry, 'refused', id, decision(person), sealer ?? (await sealerOf(entry.tenant, person))), seal(entry, 'completed', id, { chargeNanos: '7' }));
  await eventually(async () => expect((await caller.call(governanceCalls.proveRecord, { tenant: entry.tenant, id })).entries).toHaveLength(2));
  return id;
}

const read = async (tenant: string, id: string) => (await caller.call(governanceCalls.getRecord, { tenant, id })).entries[0]!;
const found = async (tenant: string, record: string) => (await caller.call(governanceCalls.listRecords, { tenant, record, limit: 9 })).data.map(({ type }) => type).sort();
const erase = (tenant: string, person: string, reference: string | null = null) => caller.call(erasureCalls.erase, { actor: nobody, tenant, person, basis: 'GDPR Art. 17(1)(b)', reference });

beforeAll(async () => {
  stack = await GovernanceStack.start();
  ({ caller } = stack);
});

afterAll(() => stack?.stop());

describe('an erasure', () => {
  it('takes what names the person and leaves the record, its proof, its charge and the log what they are', async () => {
    const entry = await stack.bank();
    const { tenant } = entry;
    const [person, other] = [personOf(), personOf()];
    const [record, spared] = [await recordAbout(entry, person), await recordAbout(entry, other)];
    expect((await read(tenant, record)).body).toMatchObject({ fields: { subject: person, tags: ['sender:a@b.org'], decision: 'deny' } });
    await eventually(async () => expect(await found(tenant, record)).toEqual(['completed', 'refused']));
    const before = await caller.call(governanceCalls.checkpoint, {});

    const erased = await erase(tenant, person, 'case 12');
    expect(erased).toMatchObject({ tenant, person, basis: 'GDPR Art. 17(1)(b)', reference: 'case 12', searchRows: 1 });
    const { body, envelope } = await read(tenant, record);
    expect(body!.error).toEqual({ code: 'PERSONAL_DATA_ERASED', message: expect.stringContaining('erased on'), erasure: erased.id, erasedAtMs: erased.erasedAtMs });
    expect(body!.person).toMatchObject({ keyId: erased.personKey, secret: null });
    expect(body!.fields).toMatchObject({ decision: 'deny', model: 'm' });
    expect(JSON.stringify(body)).not.toMatch(new RegExp(`a@b|${person}`));
    expect(bodyMatchesEnvelope(body!, parseEnvelope(Buffer.from(envelope, 'base64')))).toBe(true);
    expect(await found(tenant, record)).toEqual(['completed']);
    expect((await read(tenant, spared)).body).toMatchObject({ fields: { subject: other } });

    const bundle = await caller.call(bundleCalls.bundleRecord, { tenant, id: record, since: before.size });
    const verdict = verifyBundle(formatBundle(bundle), nodeCrypto, { logKey: parseVerifierKey(sha256, before.logKey) });
    expect(verdict.checks.filter(({ holds }) => holds === false)).toEqual([]);
    expect(verdict.checks.find(({ detail }) => detail.includes('erased of it: subject, tags'))).toBeDefined();
    const { ends } = await caller.call(closeCalls.recordEnds, { from: 0 });
    expect(ends.filter((end) => end.record === record)).toMatchObject([{ chargeNanos: 7n, unreadable: false }]);
    await eventually(async () => expect((await read(tenant, erased.id)).body).toMatchObject({ fields: { person, personKey: erased.personKey, basis: 'GDPR Art. 17(1)(b)' } }));
    await expect(caller.call(governanceCalls.dryRunPolicy, { tenant, record, text: '@id("t") permit(principal, action, resource) when { context.tags.contains("x") };' })).rejects.toMatchObject({ code: 'PERSONAL_DATA_ERASED' });
    await expect(caller.call(governanceCalls.dryRunPolicy, { tenant, record, text: '@id("t") permit(principal, action, resource);' })).resolves.toMatchObject({ recorded: { decision: 'deny' } });
  });

  it('leaves nothing of the key in the database', async () => {
    const entry = await stack.bank();
    const person = personOf();
    await recordAbout(entry, person);
    const { personKey } = await erase(entry.tenant, person);
    const [row] = await stack.asSuperuser('SELECT person, public_key, sealed FROM governance.person_keys WHERE id = $1', [personKey]);
    expect(row).toEqual({ person: null, public_key: null, sealed: null });
  });

  it('is one, however many ask for it and however often; each has the log tell of it once', async () => {
    const entry = await stack.bank();
    const person = personOf();
    await recordAbout(entry, person);
    const answers = await Promise.all(Array.from({ length: 6 }, () => erase(entry.tenant, person)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(await erase(entry.tenant, person)).toEqual(answers[0]);
    await eventually(async () => expect((await caller.call(governanceCalls.listRecords, { tenant: entry.tenant, type: 'person.erased', limit: 9 })).data).toHaveLength(1));
    expect(await caller.call(erasureCalls.get, { tenant: entry.tenant, id: answers[0]!.id })).toEqual(answers[0]);
  });

  it('tells gateways to ask for keys anew; what comes afterwards is erased by the next one', async () => {
    const entry = await stack.bank();
    const { tenant } = entry;
    const person = personOf();
    const old = await sealerOf(tenant, person);
    await recordAbout(entry, person, old);
    const first = await erase(tenant, person);
    await eventually(() => expect(stack.tenants.get(tenant)!.erasures).toBe(1));
    // Under way when it happened: sealed to a key that is no more.
    const late = await recordAbout(entry, person, old);
    expect((await read(tenant, late)).body!.error).toMatchObject({ erasure: first.id });
    await eventually(async () => expect(await found(tenant, late)).toEqual(['completed']));
    const again = await recordAbout(entry, person);
    expect((await read(tenant, again)).body!.fields).toMatchObject({ subject: person });
    const second = await erase(tenant, person);
    expect(second.id).not.toBe(first.id);
    expect((await read(tenant, again)).body!.error).toMatchObject({ erasure: second.id });
    expect((await caller.call(erasureCalls.list, { tenant, limit: 1 }))).toMatchObject({ data: [{ id: second.id }], hasMore: true });
    expect((await caller.call(erasureCalls.list, { tenant, after: second.id, limit: 5 }))).toMatchObject({ data: [{ id: first.id }], hasMore: false });
  });

  it('races with records and keys of the same person, and loses nobody else’s', async () => {
    const entry = await stack.bank();
    const people = Array.from({ length: 4 }, personOf);
    const kept = personOf();
    const mine = await recordAbout(entry, kept);
    const work = people.flatMap((person) => [
      recordAbout(entry, person),
      recordAbout(entry, person),
      erase(entry.tenant, person).catch((error: { code: string }) => expect(error.code).toBe('NOT_FOUND')),
    ]);
    const records = (await Promise.all(work)).filter((one): one is string => typeof one === 'string');
    await Promise.all(people.map((person) => erase(entry.tenant, person)));
    for (const record of records) expect((await read(entry.tenant, record)).body!.error?.code).toBe('PERSONAL_DATA_ERASED');
    expect((await read(entry.tenant, mine)).body!.fields).toMatchObject({ subject: kept });
  });

  it('is of one organisation: another knows neither the person nor the erasure', async () => {
    const [one, other] = [await stack.bank(), await stack.bank()];
    const person = personOf();
    await recordAbout(one, person);
    await expect(erase(other.tenant, person)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { id } = await erase(one.tenant, person);
    await expect(caller.call(erasureCalls.get, { tenant: other.tenant, id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(caller.call(erasureCalls.personKey, { tenant: randomUUID(), person })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await caller.call(erasureCalls.list, { tenant: other.tenant, limit: 5 })).data).toEqual([]);
  });
});
