import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { SystemClock, SystemIds } from '#kernel';
import { withClient } from '#local';
import { Bus, Caller, Replicas, type ReplicaView } from '#messaging';
import { ed25519Signer, formatBundle, nodeCrypto, openCheckpoint, parseVerifierKey, sha256, verifyBundle, verifyProofFile, verifySignature } from '#merkle';
import {
  aliasReplica, bodyMatchesEnvelope, bundleCalls, closeCalls, governanceCalls, keyReplica, limitReplica, offersHash, offersRecordId, operatorRecord, parseEnvelope, policyReplica, publisherOf, recordCommit, Sealer, sealRecord, tenantReplica,
  type DecisionFields, type KeyEntry, type LogRecord, type PolicyEntry, type RecordType, type ReplyOf, type TenantEntry,
} from '#protocol';
import { migrate, runService, type RunningService } from '#service';
import { createTestDatabase, testNats, type TestDatabase, type TestNats } from '#testing';
import { governance } from './governance.service-definition.js';
import { generateApiKey, hashApiKey } from './keys/api-key.js';
import { Bootstrap } from './keys/bootstrap.service.js';

const pepper = 'a pepper for tests only';
const adminKey = generateApiKey();
const signingSeed = randomBytes(32);
const nobody = { keyId: null, tenant: null };
const ids = new SystemIds(new SystemClock());

let database: TestDatabase;
let nats: TestNats;
let service: RunningService;
let gateway: Bus;
let caller: Caller;
let replicas: Replicas;
let keys: ReplicaView<KeyEntry>;
let tenants: ReplicaView<TenantEntry>;
let policies: ReplicaView<PolicyEntry>;

const environment = (): NodeJS.ProcessEnv => ({
  NATS_URL: nats.url,
  NATS_CREDS: nats.credentials.governance,
  DATABASE_URL: database.url,
  GOVERNANCE_MASTER_KEY: '5a'.repeat(32),
  KEY_PEPPER: pepper,
  AUDIT_ORIGIN: 'mizan.test/audit',
  AUDIT_SIGNING_SEED: signingSeed.toString('hex'),
  BOOTSTRAP_ADMIN_KEY: adminKey,
  LOG_LEVEL: 'fatal',
});

/** Asks until the answer is right; the last failure is thrown after `withinMs`. */
async function eventually<T>(ask: () => T | Promise<T>, withinMs = 30_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function bank(): Promise<{ tenant: string; project: string; entry: TenantEntry }> {
  const { id: tenant } = await caller.call(governanceCalls.createOrganisation, { actor: nobody, name: `Bank ${randomUUID()}` });
  const { id: project } = await caller.call(governanceCalls.createProject, { actor: nobody, tenant, name: 'Mail', defaultClass: 'internal' });
  const entry = await eventually(() => {
    const found = tenants.get(tenant);
    expect(found?.projects).toHaveLength(1);
    return found!;
  });
  return { tenant, project, entry };
}

const createKey = (tenant: string, more: Partial<Parameters<typeof requestKey>[1]> = {}): Promise<ReplyOf<typeof governanceCalls.createKey>> => requestKey(tenant, more);
const requestKey = (tenant: string, more: { role?: 'developer' | 'platform_admin'; project?: string | null; actor?: { keyId: string | null; tenant: string | null } }) =>
  caller.call(governanceCalls.createKey, { actor: nobody, tenant, project: null, role: 'developer', name: 'test', expiresAtMs: null, ...more });

function recordOf(entry: TenantEntry, type: RecordType, fields: Record<string, never> | DecisionFields, id: string = ids.uuid()): LogRecord {
  const draft = { id, type, timeMs: Date.now(), fields: fields as never, facts: null };
  return sealRecord(draft, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId));
}

/** Connections of the services that records come from. */
const publishers = new Map<string, Bus>();

async function publish(...records: LogRecord[]): Promise<void> {
  for (const record of records) {
    const service = publisherOf(record.type);
    const bus = publishers.get(service) ?? (await Bus.connect({ url: nats.url, creds: nats.credentials[service], name: service }));
    publishers.set(service, bus);
    await bus.jetstream.publish(`mizan.record.${service}`, JSON.stringify(recordCommit.encode({ v: 1, records: [record] })), { msgID: randomUUID() });
  }
}

const logged = (tenant: string | null, id: string, count: number) =>
  eventually(async () => {
    const record = await caller.call(governanceCalls.getRecord, { tenant, id });
    expect(record.entries).toHaveLength(count);
    return record.entries;
  });

function decision(project: string, more: Partial<DecisionFields> = {}): DecisionFields {
  return {
    principal: { keyId: randomUUID(), project, role: 'developer' }, model: 'm', endpoint: 'embeddings', declaredClass: 'internal', dataClass: 'internal',
    findings: [], purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [], policyVersion: 1, policyHash: null, decision: 'deny',
    policies: [{ id: 'old', reason: null }], permittedOffers: 0, consideredOffers: 1, durability: 'one-replica', ...more,
  };
}

beforeAll(async () => {
  [database, nats] = await Promise.all([createTestDatabase({ service: 'governance' }), testNats()]);
  await migrate(governance, database.ownerUrl);
  service = await runService(governance, environment());
  gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
  caller = new Caller(gateway);
  replicas = new Replicas(gateway);
  [keys, tenants, policies] = await Promise.all([replicas.view(keyReplica), replicas.view(tenantReplica), replicas.view(policyReplica)]);
});

afterAll(async () => {
  replicas?.stop();
  await Promise.all([...publishers.values()].map((bus) => bus.close()));
  await gateway?.close();
  await service?.stop();
  await nats?.stop();
  await database?.drop();
});

describe('organisations', () => {
  it('reach the gateways with a pseudonym, a sealing key and their projects', async () => {
    const { tenant, project, entry } = await bank();
    const organisation = await caller.call(governanceCalls.getOrganisation, { tenant });
    expect(entry).toMatchObject({ tenant, pseudonym: organisation.pseudonym, projects: [{ id: project, name: 'Mail', defaultClass: 'internal' }] });
    expect(Buffer.from(entry.sealKey, 'base64')).toHaveLength(32);
    await expect(caller.call(governanceCalls.createOrganisation, { actor: nobody, name: organisation.name })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(caller.call(governanceCalls.createProject, { actor: nobody, tenant, name: 'Mail', defaultClass: 'public' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(caller.call(governanceCalls.getOrganisation, { tenant: randomUUID() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are listed page by page', async () => {
    await bank();
    const first = await caller.call(governanceCalls.listOrganisations, { limit: 1 });
    expect(first).toMatchObject({ hasMore: true, data: [{ name: 'Operator' }] });
    const second = await caller.call(governanceCalls.listOrganisations, { after: first.data[0]!.id, limit: 1 });
    expect(second.data[0]!.id > first.data[0]!.id).toBe(true);
  });

  it('have their creation in the log, readable by them alone', async () => {
    const { tenant } = await bank();
    const [entry] = await logged(tenant, tenant, 1);
    expect(entry).toMatchObject({ type: 'organisation.created', tenant, body: { fields: { organisation: tenant } } });
    expect(bodyMatchesEnvelope(entry!.body!, parseEnvelope(Buffer.from(entry!.envelope, 'base64')))).toBe(true);
    expect((await logged(null, tenant, 1))[0]).toMatchObject({ body: null });
  });
});

describe('keys', () => {
  it('include the first administrator from the start, who alone may make another', async () => {
    const admin = await eventually(() => {
      const found = keys.get(hashApiKey(pepper, adminKey));
      expect(found?.role).toBe('platform_admin');
      return found!;
    });
    const { tenant } = await bank();
    const developer = await createKey(tenant);
    await expect(createKey(tenant, { role: 'platform_admin', actor: { keyId: developer.id, tenant } })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(createKey(tenant, { role: 'platform_admin' })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    await expect(createKey(admin.tenant, { role: 'platform_admin', actor: { keyId: admin.keyId, tenant: admin.tenant } })).resolves.toMatchObject({ role: 'platform_admin' });
  });

  it('are shown once, stored as a keyed hash and known to the gateways', async () => {
    const { tenant, project } = await bank();
    const key = await createKey(tenant, { project });
    const hash = hashApiKey(pepper, key.secret);
    await eventually(() => expect(keys.get(hash)).toEqual({ hash, keyId: key.id, tenant, project, role: 'developer', expiresAtMs: null }));
    const listed = await caller.call(governanceCalls.listKeys, { tenant });
    expect(JSON.stringify(listed)).not.toContain(key.secret);
    expect(listed.data).toMatchObject([{ id: key.id, tail: key.secret.slice(-4), revokedAtMs: null }]);
    expect(await logged(tenant, key.id, 1)).toMatchObject([{ type: 'key.created' }]);
  });

  it('are gone from the gateways within a second of their revocation, which is in the log', async () => {
    const { tenant } = await bank();
    const key = await createKey(tenant);
    const hash = hashApiKey(pepper, key.secret);
    await eventually(() => expect(keys.get(hash)).toBeDefined());
    const revoked = await caller.call(governanceCalls.revokeKey, { actor: nobody, tenant, id: key.id });
    await eventually(() => expect(keys.get(hash)).toBeUndefined(), 1_000);
    expect(revoked.revokedAtMs).not.toBeNull();
    expect(await caller.call(governanceCalls.revokeKey, { actor: nobody, tenant, id: key.id })).toEqual(revoked);
    expect((await logged(tenant, key.id, 2)).map(({ type }) => type)).toEqual(['key.created', 'key.revoked']);
  });

  it('cannot be revoked by, or made for a project of, another organisation', async () => {
    const [one, other] = [await bank(), await bank()];
    const key = await createKey(one.tenant);
    await expect(caller.call(governanceCalls.revokeKey, { actor: nobody, tenant: other.tenant, id: key.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(createKey(other.tenant, { project: one.project })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(createKey(randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('policies', () => {
  const permitAll = '@id("all") @reason("Everything may run.")\npermit(principal, action, resource);';

  it('are versioned, published and logged; the same text stays the same version', async () => {
    const { tenant } = await bank();
    await expect(caller.call(governanceCalls.getPolicy, { tenant })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const first = await caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text: permitAll });
    const second = await caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text: `${permitAll}\n` });
    expect(await caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text: `${permitAll}\n` })).toEqual(second);
    expect([first.version, second.version]).toEqual([1, 2]);
    await eventually(() => expect(policies.get(tenant)).toMatchObject({ version: 2, hash: second.hash, text: second.text }));
    expect(await caller.call(governanceCalls.getPolicy, { tenant, version: 1 })).toEqual(first);
    expect((await caller.call(governanceCalls.listPolicies, { tenant })).data.map(({ version }) => version)).toEqual([2, 1]);
    await eventually(async () => {
      const page = await caller.call(governanceCalls.listRecords, { tenant, type: 'policy.published', limit: 10 });
      expect(page.data).toHaveLength(2);
    });
  });

  it('are refused with line and column, and change nothing', async () => {
    const { tenant } = await bank();
    const text = `${permitAll}\nforbid(principal, action, resource) when { resource.colour == "red" };`;
    await expect(caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text })).rejects.toMatchObject({
      code: 'POLICY_INVALID',
      details: { problems: [{ line: 3, column: expect.any(Number), message: expect.stringContaining('colour') }] },
    });
    await expect(caller.call(governanceCalls.getPolicy, { tenant })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('reach log and gateways up to the largest size, and are refused beyond', async () => {
    const { tenant } = await bank();
    const withComment = (characters: number): string => `// ${'\u20ac'.repeat(characters)}\n${permitAll}`;
    await expect(caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text: withComment(175_000) })).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    const text = withComment(174_000);
    await caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text });
    await eventually(() => expect(policies.get(tenant)?.text).toBe(text));
    await eventually(async () => expect((await caller.call(governanceCalls.listRecords, { tenant, type: 'policy.published', limit: 1 })).data).toHaveLength(1));
  });

  it('can be tried on a past request, over the offers now on the market', async () => {
    const { tenant, project, entry } = await bank();
    const offer = randomUUID();
    const scheduler = await Bus.connect({ url: nats.url, creds: nats.credentials.scheduler, name: 'scheduler' });
    const billing = await Bus.connect({ url: nats.url, creds: nats.credentials.billing, name: 'billing' });
    await (await new Kvm(scheduler.jetstream).open('offers')).put(offer, JSON.stringify({
      id: offer, node: randomUUID(), nodeName: 'Frankfurt', network: 'mizan', model: 'm', endpoints: ['embeddings'], region: 'eu-frankfurt', country: 'DE',
      jurisdiction: 'EU', evidence: 'contract', isolation: 'none', publicKey: 'ab'.repeat(32), capacity: 1, state: 'up', changedAtMs: 0,
    }));
    await (await new Kvm(billing.jetstream).open('prices')).put(offer, JSON.stringify({
      offer, version: randomUUID(), currency: 'USD', inputNanosPerMillion: '5', outputNanosPerMillion: '5', hash: 'cd'.repeat(32), validFromMs: 0,
    }));
    await Promise.all([scheduler.close(), billing.close()]);
    const record = recordOf(entry, 'refused', decision(project));
    await publish(record);
    await logged(tenant, record.id, 1);
    const reader = { keyId: randomUUID(), tenant, role: 'auditor' as const };
    const nothing = await caller.call(governanceCalls.dryRunPolicy, { tenant, record: record.id, reader });
    expect(nothing).toMatchObject({ recorded: { decision: 'deny', policies: ['old'], policyVersion: 1 }, now: { decision: 'deny', permitted: [] } });
    await eventually(async () => {
      const tried = await caller.call(governanceCalls.dryRunPolicy, { tenant, record: record.id, text: permitAll });
      expect(tried.now).toEqual({ decision: 'permit', permitted: [{ offer, nodeName: 'Frankfurt', region: 'eu-frankfurt' }], refused: [] });
    });
    const text = `${permitAll}\n@id("no-eu") @reason("Not in the EU.")\nforbid(principal, action, resource) when { resource.jurisdiction == "EU" };`;
    const forbidden = await caller.call(governanceCalls.dryRunPolicy, { tenant, record: record.id, text });
    expect(forbidden.now).toEqual({ decision: 'deny', permitted: [], refused: [{ policies: [{ id: 'no-eu', reason: 'Not in the EU.' }], offers: 1 }] });
    await eventually(async () => {
      const { data } = await caller.call(governanceCalls.listRecords, { tenant, type: 'data.read', limit: 5 });
      const [read] = await Promise.all(data.map(async ({ id }) => (await caller.call(governanceCalls.getRecord, { tenant, id })).entries[0]!.body!.fields));
      expect(read).toMatchObject({ what: 'dry-run', record: record.id, actor: reader });
    });
  });
});

describe('limits and aliases', () => {
  const limits = { requestsPerMinute: 60, tokensPerMinute: 2 ** 40, concurrentRequests: null, models: ['m'], cacheSeconds: null as number | null, spend: null as { limitNanos: bigint; period: 'month' | 'total' } | null, semanticCache: null as { model: string; minSimilarity: number; seconds: number } | null, hedge: null as { maxShare: number } | null, answers: null as { card: 'stop' } | null, responseSeconds: null as number | null };
  const put = (tenant: string, scope: 'organisation' | 'project' | 'key', subject: string, more: Partial<typeof limits> = {}) =>
    caller.call(governanceCalls.putLimits, { actor: nobody, tenant, scope, subject, limits: { ...limits, ...more } });

  it('of organisation, project and key reach the gateways, are replaced whole and are in the log', async () => {
    const { tenant, project } = await bank();
    const key = await createKey(tenant);
    const view = await replicas.view(limitReplica);
    await put(tenant, 'organisation', tenant);
    await put(tenant, 'key', key.id, { spend: { limitNanos: 5_000n, period: 'total' }, answers: { card: 'stop' } });
    await expect(put(tenant, 'key', key.id, { cacheSeconds: 5 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const set = await put(tenant, 'project', project, { models: [], cacheSeconds: 60, hedge: { maxShare: 0.05 }, responseSeconds: 86_400, semanticCache: { model: 'm', minSimilarity: 0.97, seconds: 60 } });
    await expect(put(tenant, 'organisation', tenant, { semanticCache: set.semanticCache })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'semanticCache' } });
    const again = await put(tenant, 'project', project, { requestsPerMinute: 1 });
    expect(set).toMatchObject({ ...limits, models: [], cacheSeconds: 60, hedge: { maxShare: 0.05 }, responseSeconds: 86_400, semanticCache: { model: 'm', minSimilarity: 0.97, seconds: 60 }, scope: 'project', subject: project });
    await eventually(() => expect([tenant, key.id, project].map((id) => view.get(id)?.requestsPerMinute)).toEqual([60, 60, 1]));
    expect([tenant, key.id, project].map((id) => view.get(id)?.spend)).toEqual([null, { limitNanos: 5_000n, period: 'total' }, null]);
    const { data } = await caller.call(governanceCalls.listLimits, { tenant });
    expect(data).toHaveLength(3);
    expect(data.map(({ answers }) => answers)).toContainEqual({ card: 'stop' });
    expect(data).toContainEqual(again);
    await eventually(async () => expect((await caller.call(governanceCalls.listRecords, { tenant, type: 'limits.changed', limit: 9 })).data).toHaveLength(4));
  });

  it("cannot be set for another organisation's project or key", async () => {
    const [one, other] = [await bank(), await bank()];
    const key = await createKey(one.tenant);
    for (const [scope, subject] of [['organisation', one.tenant], ['project', one.project], ['key', key.id]] as const) {
      await expect(put(other.tenant, scope, subject)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect((await caller.call(governanceCalls.listLimits, { tenant: other.tenant })).data).toEqual([]);
  });

  it('of models are replaced whole, reach the gateways and are in the log', async () => {
    const { tenant } = await bank();
    const view = await replicas.view(aliasReplica);
    await caller.call(governanceCalls.putAliases, { actor: nobody, tenant, aliases: [{ alias: 'old', models: ['m'] }] });
    const aliases = [{ alias: 'fast', models: ['small', 'large'] }];
    expect(await caller.call(governanceCalls.putAliases, { actor: nobody, tenant, aliases })).toEqual({ data: aliases });
    expect(await caller.call(governanceCalls.listAliases, { tenant })).toEqual({ data: aliases });
    await eventually(() => expect(view.get(tenant)).toMatchObject({ tenant, aliases }));
    await eventually(async () => expect((await caller.call(governanceCalls.listRecords, { tenant, type: 'aliases.changed', limit: 9 })).data).toHaveLength(2));
    await expect(caller.call(governanceCalls.putAliases, { actor: nobody, tenant: randomUUID(), aliases })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('records', () => {
  it('are proved to whoever holds the log key, offline', async () => {
    const { tenant, entry, project } = await bank();
    const id = ids.uuid();
    await publish(recordOf(entry, 'admitted', decision(project), id), recordOf(entry, 'completed', {}, id));
    await logged(tenant, id, 2);
    const proof = await caller.call(governanceCalls.proveRecord, { tenant, id });
    const logKey = parseVerifierKey(sha256, proof.logKey);
    expect(logKey).toEqual(ed25519Signer('mizan.test/audit', signingSeed).key);
    expect(proof.entries.map(({ entry: { type } }) => type)).toEqual(['admitted', 'completed']);
    for (const { entry: logEntry, proof: file } of proof.entries) {
      const trust = { hash: sha256, verify: verifySignature, logKey };
      const bytes = Buffer.from(logEntry.envelope, 'base64');
      expect(verifyProofFile(file, bytes, trust).index).toBe(logEntry.index);
      bytes[20]! ^= 1;
      expect(() => verifyProofFile(file, bytes, trust)).toThrow();
      expect(logEntry.body).toBeNull();
    }
    const checkpoint = await caller.call(governanceCalls.checkpoint, {});
    expect(openCheckpoint(checkpoint.note, logKey, verifySignature)).toMatchObject({ size: checkpoint.size });
  });

  it('are bundled with what they were decided by, and with the first anchor that covers them', async () => {
    const { tenant, project, entry } = await bank();
    const { version, hash } = await caller.call(governanceCalls.putPolicy, { actor: nobody, tenant, text: 'permit(principal, action, resource);' });
    const offersSeen = { record: offersRecordId(offersHash([])), hash: offersHash([]) };
    await publish(operatorRecord({ id: offersSeen.record, type: 'offers.seen', timeMs: Date.now(), fields: { hash: offersSeen.hash, offers: [] }, facts: null }));
    await eventually(async () => expect((await caller.call(governanceCalls.listRecords, { tenant, type: 'policy.published', limit: 1 })).data).toHaveLength(1));
    const record = recordOf(entry, 'refused', { ...decision(project), policyVersion: version, policyHash: hash, consideredOffers: 0, permittedOffers: 0, decision: 'deny', offersSeen });
    await publish(record);
    await logged(tenant, record.id, 1);
    const bundleOf = async (since?: number): Promise<string> => formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id: record.id, ...(since && { since }) }));
    const logKey = ed25519Signer('mizan.test/audit', signingSeed).key;
    const before = verifyBundle(await bundleOf(), nodeCrypto, { logKey });
    expect([before.result, before.checks.map(({ name }) => name).filter((name) => ['policy', 'offers', 'anchor'].includes(name)), before.anchor]).toEqual(['valid', ['policy', 'offers'], undefined]);

    const seen = await caller.call(governanceCalls.checkpoint, {});
    const settled = (auditSize: number, auditRoot: string): LogRecord =>
      recordOf(entry, 'epoch.settled', { payer: '0x', epoch: 1, tx: '0xaa', auditSize, auditRoot } as never);
    const first = await caller.call(governanceCalls.getRecord, { tenant, id: record.id });
    const [early, anchor] = [settled(first.entries[0]!.index, '0x00'), settled(seen.size, `0x${seen.root}`)];
    await publish(early, anchor);
    await logged(tenant, anchor.id, 1);
    const last = openCheckpoint(seen.note, logKey, verifySignature);
    // Anchors are found by the search, which comes behind the log.
    await eventually(async () => expect(verifyBundle(await bundleOf(), nodeCrypto, { logKey, last })).toMatchObject({ result: 'valid', anchor: { size: seen.size, root: seen.root } }));
    const later = recordOf(entry, 'refused', { ...decision(project), decision: 'deny' });
    await publish(later);
    await logged(tenant, later.id, 1);
    const grown = await caller.call(governanceCalls.checkpoint, {});
    const operators = operatorRecord({ id: randomUUID(), type: 'epoch.settled', timeMs: Date.now(), fields: { payer: '0xo', epoch: 1, tx: '0xbb', auditSize: grown.size, auditRoot: `0x${grown.root}` }, facts: null });
    await publish(operators);
    await eventually(async () => {
      const text = formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id: later.id }));
      expect(verifyBundle(text, nodeCrypto, { logKey })).toMatchObject({ result: 'valid', anchor: { payer: '0xo', size: grown.size } });
    });
    expect(verifyBundle(await bundleOf(2), nodeCrypto, { logKey }).checks.map(({ name }) => name)).toContain('state at 2');
    await expect(bundleOf(1_000_000)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const [name] = Object.keys(verifyBundle(await bundleOf(), nodeCrypto, { logKey }).entries[0]!.fields!);
    const shown = verifyBundle(formatBundle(await caller.call(bundleCalls.bundleRecord, { tenant, id: record.id, fields: [name!] })), nodeCrypto, { logKey });
    expect([shown.result, shown.entries.map(({ fields, withheld }) => [Object.keys(fields!), withheld > 0])[0]]).toEqual(['incomplete', [[name], true]]);
    await expect(caller.call(bundleCalls.bundleRecord, { tenant, id: record.id, fields: ['nothing'] })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'fields' } });
    const closed = await caller.call(bundleCalls.bundleRecord, { tenant: null, id: record.id });
    expect(closed.entries.map(({ body }) => body)).toEqual([null]);
  });

  it('stand in the log once, however often they were sent', async () => {
    const { tenant, entry } = await bank();
    const record = recordOf(entry, 'admitted', {});
    await publish(record, record);
    await publish(record);
    const later = recordOf(entry, 'completed', {});
    await publish(later);
    await logged(tenant, later.id, 1);
    expect(await logged(tenant, record.id, 1)).toHaveLength(1);
  });

  it('of another organisation are not found, and look like those that do not exist', async () => {
    const [one, other] = [await bank(), await bank()];
    const old = '01900000-0000-7000-8000-000000000000'.replace(/0{12}$/, randomBytes(6).toString('hex'));
    const young = ids.uuid();
    await publish(recordOf(one.entry, 'admitted', {}, old), recordOf(one.entry, 'admitted', {}, young));
    await logged(one.tenant, old, 1);
    for (const call of [governanceCalls.getRecord, governanceCalls.proveRecord, bundleCalls.bundleRecord] as const) {
      await expect(caller.call(call, { tenant: other.tenant, id: old })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(caller.call(call, { tenant: other.tenant, id: young })).rejects.toMatchObject({ code: 'RECORD_PENDING' });
      await expect(caller.call(call, { tenant: other.tenant, id: ids.uuid() })).rejects.toMatchObject({ code: 'RECORD_PENDING' });
    }
    const page = await caller.call(governanceCalls.listRecords, { tenant: other.tenant, limit: 200 });
    expect(page.data.every(({ tenant }) => tenant === other.tenant)).toBe(true);
  });

  it('that end requests are told to the books with what each charged, the first end of each', async () => {
    const { tenant, entry } = await bank();
    const id = ids.uuid();
    const end = (record: string, type: RecordType, chargeNanos: string): LogRecord => sealRecord({ id: record, type, timeMs: Date.now(), fields: { chargeNanos }, facts: null }, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId));
    const { size: before } = await caller.call(closeCalls.recordEnds, { from: 0 });
    const wordless = ids.uuid();
    await publish(end(id, 'completed', '17'), end(id, 'voided', '0'), end(ids.uuid(), 'refused', '3'), recordOf(entry, 'completed', {}, wordless));
    await logged(tenant, id, 2);
    const { ends, next, size } = await caller.call(closeCalls.recordEnds, { from: before });
    expect(ends.filter((one) => one.tenant === tenant)).toMatchObject([{ record: id, type: 'completed', chargeNanos: 17n, unreadable: false }, { record: wordless, chargeNanos: null, unreadable: true }]);
    expect([next, size >= before + 4]).toEqual([size, true]);
    expect(await caller.call(closeCalls.recordEnds, { from: size })).toMatchObject({ ends: [], next: size });
    expect(await caller.call(closeCalls.endedRecords, { records: [id, ids.uuid()] })).toEqual({ ended: [id] });
  });

  it('whose stored body was changed do not open', async () => {
    const { tenant, entry } = await bank();
    const record = recordOf(entry, 'admitted', {});
    await publish(record);
    const [found] = await logged(tenant, record.id, 1);
    await withClient(database.adminUrl, (client) =>
      client.query('UPDATE governance.log_bodies SET bodies = set_byte(bodies, 20, get_byte(bodies, 20) # 1) WHERE tenant = $1', [found!.tenant]),
    );
    await expect(caller.call(governanceCalls.getRecord, { tenant, id: record.id })).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining(record.id) });
  });

  it('are listed newest first, page by page', async () => {
    const { tenant, entry } = await bank();
    const records = Array.from({ length: 5 }, () => recordOf(entry, 'refused', {}));
    await publish(...records);
    await logged(tenant, records[4]!.id, 1);
    const list = (after?: string) => caller.call(governanceCalls.listRecords, { tenant, type: 'refused', limit: 3, ...(after && { after }) });
    const first = await eventually(async () => {
      const page = await list();
      expect(page.hasMore && page.data[0]!.id === records[4]!.id).toBe(true);
      return page;
    });
    const second = await list(String(first.data.at(-1)!.index));
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(records.map(({ id }) => id).reverse());
    expect([first.hasMore, second.hasMore]).toEqual([true, false]);
    await expect(list('x')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});

describe('a restart', () => {
  it('keeps the log and heals replicas that were lost', async () => {
    const { tenant, entry } = await bank();
    const key = await createKey(tenant);
    const hash = hashApiKey(pepper, key.secret);
    await eventually(() => expect(keys.get(hash)).toBeDefined());
    const before = await caller.call(governanceCalls.checkpoint, {});
    await service.stop();
    const bus = await Bus.connect({ url: nats.url, creds: nats.credentials.governance, name: 'governance' });
    await (await new Kvm(bus.jetstream).open('keys')).delete(hash);
    await bus.close();
    await eventually(() => expect(keys.get(hash)).toBeUndefined());
    const record = recordOf(entry, 'admitted', {});
    await publish(record);
    service = await runService(governance, environment());
    await eventually(() => expect(keys.get(hash)).toBeDefined());
    await logged(tenant, record.id, 1);
    expect((await caller.call(governanceCalls.checkpoint, {})).size).toBeGreaterThan(before.size);
    expect(await (await fetch(`${service.url}/readyz`)).json()).toMatchObject({ ready: true, checks: { log: true } });
  });

  it('makes no second administrator while there is one, and a new one when there is none', async () => {
    const admin = keys.get(hashApiKey(pepper, adminKey))!;
    const bootstrap = service.app.get(Bootstrap);
    expect(await bootstrap.ensureAdminKey(adminKey)).toBeUndefined();
    expect(await bootstrap.ensureAdminKey()).toBeUndefined();
    const { data } = await caller.call(governanceCalls.listKeys, { tenant: admin.tenant });
    expect(data.filter(({ name }) => name === 'bootstrap')).toHaveLength(1);
    for (const { id } of data) await caller.call(governanceCalls.revokeKey, { actor: nobody, tenant: admin.tenant, id });
    expect(await bootstrap.ensureAdminKey(adminKey)).toBeUndefined();
    const made = await Promise.all([bootstrap.ensureAdminKey(), bootstrap.ensureAdminKey()]);
    expect(made.filter((secret) => secret !== undefined)).toHaveLength(1);
    const secret = made.find((text) => text !== undefined)!;
    await eventually(() => expect(keys.get(hashApiKey(pepper, secret))?.role).toBe('platform_admin'));
    await expect(bootstrap.ensureAdminKey('mzn_wrong')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
