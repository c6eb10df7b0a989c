import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { canonicalJson, Clock, SystemClock, SystemIds, type Json } from '#kernel';
import { openNote, parseVerifierKey, sha256, verifySignature } from '#merkle';
import type { Caller, ReplicaView } from '#messaging';
import { bodyMatchesEnvelope, exportCalls, governanceCalls, manifestCalls, manifestHash, manifestNoteText, parseEnvelope, reportCalls, reportNoteText, Sealer, sealRecord, webhookCalls, webhookSignature, type ExportedEntry, type ExportFacts, type RecordType, type TenantEntry, type Webhook } from '#protocol';
import { eventually as within, GovernanceStack, nobody } from './governance-harness.js';
import { Reports } from './reports/reports.service.js';
import { attemptWaitsMs } from './webhooks/backoff.js';

interface Received {
  readonly id: string;
  readonly index: number;
  readonly previous: number | null;
  readonly type: string;
  readonly signedBy: (secret: string) => boolean;
}

const ids = new SystemIds(new SystemClock());
let stack: GovernanceStack;
let caller: Caller;
let tenants: ReplicaView<TenantEntry>;
let receiver: Server;
let url: string;
let answer = 200;
let received: Received[] = [];

const eventually = <T>(ask: () => T | Promise<T>): Promise<T> => within(ask, 60_000);

async function bank(): Promise<string> {
  const { tenant } = await stack.bank();
  await eventually(() => caller.call(governanceCalls.proveRecord, { tenant, id: tenant }));
  return tenant;
}

/** Records of the organisation, in the log. */
async function refuse(tenant: string, count: number): Promise<string[]> {
  const entry = tenants.get(tenant)!;
  const sealer = new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId);
  const records = Array.from({ length: count }, () => {
    const id = ids.uuid();
    return sealRecord({ id, type: 'refused', timeMs: Date.now(), fields: { note: id }, facts: null }, entry, sealer);
  });
  for (let at = 0; at < count; at += 64) await stack.publish(...records.slice(at, at + 64));
  await eventually(() => caller.call(governanceCalls.proveRecord, { tenant, id: records.at(-1)!.id }));
  return records.map(({ id }) => id);
}

async function all(tenant: string | null, after: number | null = null, limit = 100): Promise<ExportedEntry[]> {
  const { until } = await caller.call(exportCalls.begin, { actor: nobody, tenant, format: 'jsonl', after, limit });
  const entries: ExportedEntry[] = [];
  for (let from = after; ; ) {
    const { data, next } = await caller.call(exportCalls.page, { tenant, after: from, until, limit });
    entries.push(...data);
    if (next === null) return entries;
    from = next;
  }
}

const stateOf = async (tenant: string): Promise<Webhook> => (await caller.call(webhookCalls.list, { tenant })).data[0]!;
const makeDue = (id: string): Promise<unknown> => stack.asSuperuser('UPDATE governance.webhooks SET next_attempt_ms = 0 WHERE id = $1', [id]);

beforeAll(async () => {
  stack = await GovernanceStack.start({ WEBHOOK_OUTBOUND_ALLOW: '127.0.0.1/32' });
  ({ caller, tenants } = stack);
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = request.headers as Record<string, string>;
      const signedBy = (secret: string): boolean => signature!.split(' ').includes(`v1,${createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`${id}.${time}.${body}`).digest('base64')}`);
      received.push({ ...(JSON.parse(body) as { data: { index: number; previous: number | null; type: string } }).data, signedBy, id: id! });
      response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
});

afterAll(async () => {
  await stack?.stop();
  receiver?.closeAllConnections();
  receiver?.close();
});

describe('the stream of an organisation', () => {
  it('has each of its entries once, in order, with its body, and names the one before it', async () => {
    const [one, other] = [await bank(), await bank()];
    const [first, , second] = [await refuse(one, 70), await refuse(other, 5), await refuse(one, 200)];
    const entries = await all(one);
    expect(entries.map(({ id }) => id)).toEqual([one, ...first, ...second]);
    expect(entries.map(({ previous }) => previous)).toEqual([null, ...entries.slice(0, -1).map(({ index }) => index)]);
    expect(entries.slice(1).every(({ fields, id }) => fields?.['note'] === id)).toBe(true);
    for (const limit of [1, 7, 64]) {
      const at = entries[130]!.index;
      const rest = await all(one, at, limit);
      expect(rest.filter(({ type }) => type === 'refused').map(({ id }) => id)).toEqual(second.slice(60));
      expect(rest[0]).toMatchObject({ previous: at });
    }
  });

  it('has an entry for each export of it, and none for reading only such entries', async () => {
    const tenant = await bank();
    const begin = (after: number | null) => caller.call(exportCalls.begin, { actor: nobody, tenant, format: 'csv', after, limit: 10 });
    const begun = await begin(null);
    expect(begun.export).not.toBeNull();
    const entry = await eventually(async () => (await caller.call(governanceCalls.getRecord, { tenant, id: begun.export! })).entries[0]!);
    expect(entry).toMatchObject({ type: 'log.exported', body: { fields: { actor: nobody, format: 'csv', after: null, limit: 10, logSize: begun.until } } });
    expect((await begin(begun.until - 1)).export).toBeNull();
    expect((await all(null)).every(({ tenant: whose }) => whose === null)).toBe(true);
    await expect(caller.call(exportCalls.begin, { actor: nobody, tenant: randomUUID(), format: 'csv', after: null, limit: 10 })).resolves.toMatchObject({ export: null });
  });
});

describe('the manifest of an export', () => {
  it('is signed for this log, up to an entry of the organisation, once; and told to nobody else', async () => {
    const [tenant, other] = [await bank(), await bank()];
    const begun = await caller.call(exportCalls.begin, { actor: nobody, tenant, format: 'jsonl', after: null, limit: 10 });
    const [entry] = (await caller.call(exportCalls.page, { tenant, after: null, until: begun.until, limit: 1 })).data;
    expect(bodyMatchesEnvelope({ ...entry!.opening!, fields: entry!.fields! }, parseEnvelope(Buffer.from(entry!.envelope, 'base64')))).toBe(true);
    const facts: ExportFacts = {
      ...{ id: begun.export!, organisation: tenant, format: 'jsonl', after: null, entries: 1, first: entry!.index, last: entry!.index, gaps: [], next: null, logSize: begun.until, checkpoint: begun.checkpoint },
      files: [{ name: 'a.jsonl', bytes: 1, sha256: 'a'.repeat(64) }],
    };
    const signed = await caller.call(manifestCalls.seal, facts);
    expect(openNote(signed.note, [parseVerifierKey(sha256, signed.logKey)], verifySignature).text).toBe(manifestNoteText('mizan.test/audit', signed.manifest, manifestHash(signed.manifest)));
    expect(await caller.call(manifestCalls.seal, { ...facts, entries: 2 })).toEqual(signed);
    expect(await caller.call(manifestCalls.get, { tenant, id: facts.id })).toEqual(signed);
    for (const [wrong, param] of [[{ last: entry!.index + 1 }, 'last'], [{ logSize: begun.until + 1 }, 'logSize'], [{ checkpoint: begun.checkpoint.replace(/\n\d+\n/, '\n7\n') }, 'checkpoint']] as const) {
      await expect(caller.call(manifestCalls.seal, { ...facts, ...wrong, id: randomUUID() })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param } });
    }
    for (const not of [{ tenant: other, id: facts.id }, { tenant: null, id: facts.id }, { tenant, id: randomUUID() }]) await expect(caller.call(manifestCalls.get, not)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(caller.call(manifestCalls.seal, { ...facts, organisation: other, last: null, first: null })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'id' } });
  });
});

describe('a webhook', () => {
  it('conformance 54: is not there without a proper secret, and nothing is sent unsigned', async () => {
    const tenant = await bank();
    for (const secret of ['', 'whsec_', 'whsec_c2hvcnQ=', 'not a secret', 'whsec_####']) {
      await expect(caller.call(webhookCalls.create, { actor: nobody, tenant, url, secret })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      expect(() => webhookSignature([secret], 'msg_1', 1, '{}')).toThrow(/secret/);
    }
    expect(() => webhookSignature([], 'msg_1', 1, '{}')).toThrow(/unsigned/);
    expect((await caller.call(webhookCalls.list, { tenant })).data).toEqual([]);
  });

  it('is signed as Standard Webhooks says', () => {
    const signed = webhookSignature(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}');
    expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('is only delivered to where strangers may lead', async () => {
    const tenant = await bank();
    for (const inside of ['http://169.254.169.254/latest', 'https://[::1]/', 'https://governance.internal/', 'https://user@host.example/', 'ftp://host.example/']) {
      await expect(caller.call(webhookCalls.create, { actor: nobody, tenant, url: inside })).rejects.toMatchObject({ code: 'URL_REFUSED' });
    }
  });

  it('gets every entry that it asks for in order, signed by the old secret too while it is renewed', async () => {
    const tenant = await bank();
    received = [];
    const { id, secret } = await caller.call(webhookCalls.create, { actor: nobody, tenant, url, types: ['refused'] });
    const wanted = await refuse(tenant, 40);
    await eventually(() => expect(received).toHaveLength(40));
    expect(received.map(({ id: message }) => message.split('_')[2])).toEqual(wanted);
    const entries = await all(tenant);
    for (const { index, previous } of received) expect(entries.find((entry) => entry.index === index)).toMatchObject({ previous });
    expect(received.every(({ signedBy }) => signedBy(secret) && !signedBy('whsec_AAAA'))).toBe(true);

    const renewed = await caller.call(webhookCalls.rotate, { actor: nobody, tenant, id });
    await refuse(tenant, 1);
    await eventually(() => expect(received).toHaveLength(41));
    expect([secret, renewed.secret].map((one) => received[40]!.signedBy(one))).toEqual([true, true]);
    await caller.call(webhookCalls.remove, { actor: nobody, tenant, id });
    expect((await caller.call(webhookCalls.list, { tenant })).data).toEqual([]);
  });

  it('is tried again under the same id, put aside as dead after the last attempt, and taken up again where its owner says', async () => {
    const tenant = await bank();
    received = [];
    answer = 500;
    const { id } = await caller.call(webhookCalls.create, { actor: nobody, tenant, url, types: ['refused'] });
    const [record] = await refuse(tenant, 1);
    await eventually(async () => expect(await stateOf(tenant)).toMatchObject({ attempts: 1, lastError: 'it answered 500' }));
    for (let attempts = 2; attempts <= attemptWaitsMs.length; attempts += 1) {
      await makeDue(id);
      await eventually(async () => expect(await stateOf(tenant)).toMatchObject({ attempts }));
    }
    await makeDue(id);
    const { data } = await eventually(async () => {
      const dead = await caller.call(webhookCalls.dead, { tenant, id, limit: 5 });
      expect(dead.data).toHaveLength(1);
      return dead;
    });
    expect(data).toMatchObject([{ record, type: 'refused', attempts: 8, error: 'it answered 500' }]);
    expect(new Set(received.map(({ id: message }) => message)).size).toBe(1);
    answer = 204;
    await caller.call(webhookCalls.change, { actor: nobody, tenant, id, change: { after: data[0]!.index - 1 } });
    await eventually(async () => expect(await stateOf(tenant)).toMatchObject({ attempts: 0, lastError: null, position: expect.any(Number) }));
    await eventually(() => expect(received).toHaveLength(9));
  });

  it('gets what came before its types changed as it asked for it then, and nothing twice, also when it is served meanwhile', async () => {
    const tenant = await bank();
    received = [];
    answer = 200;
    const change = (types: RecordType[] | null) => caller.call(webhookCalls.change, { actor: nobody, tenant, id, change: { types } });
    const { id } = await caller.call(webhookCalls.create, { actor: nobody, tenant, url, types: ['refused'] });
    const ofRecords = (): string[] => received.map(({ id: message }) => message.split('_')[2]!);
    const [kept] = [await refuse(tenant, 20)];
    // In the middle of its deliveries, or before or after them: it is the same.
    await change(['webhooks.changed']);
    const unasked = await refuse(tenant, 5);
    await change(null);
    const all = await refuse(tenant, 5);
    await eventually(() => expect(ofRecords()).toEqual(expect.arrayContaining([...kept, ...all])));
    expect(ofRecords().filter((record) => unasked.includes(record))).toEqual([]);
    expect(new Set(received.map(({ id: message }) => message)).size).toBe(received.length);
    expect(received.map(({ index }) => index)).toEqual(received.map(({ index }) => index).sort((a, b) => a - b));
    // The first change came before the second one's types, the second is one of "webhooks.changed".
    expect(received.filter(({ type }) => type === 'webhooks.changed').length).toBeGreaterThanOrEqual(1);
    await caller.call(webhookCalls.remove, { actor: nobody, tenant, id });
  });

  it('is disabled when everything dies, and that is in the log', async () => {
    const tenant = await bank();
    answer = 410;
    const { id } = await caller.call(webhookCalls.create, { actor: nobody, tenant, url, types: ['refused'] });
    await stack.asSuperuser('UPDATE governance.webhooks SET dead_in_a_row = 4, attempts = 7 WHERE id = $1', [id]);
    await refuse(tenant, 1);
    await eventually(async () => expect(await stateOf(tenant)).toMatchObject({ state: 'disabled' }));
    await eventually(async () => expect((await all(tenant)).filter(({ type, fields }) => type === 'webhooks.changed' && fields?.['change'] === 'disabled')).toHaveLength(1));
    answer = 200;
    await caller.call(webhookCalls.change, { actor: nobody, tenant, id, change: { state: 'active' } });
    expect(await stateOf(tenant)).toMatchObject({ state: 'active' });
    await expect(caller.call(webhookCalls.change, { actor: nobody, tenant: await bank(), id, change: {} })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a monthly report', () => {
  const month = new Date().toISOString().slice(0, 7);

  it('is not there before the month is over', async () => {
    const tenant = await bank();
    await expect(caller.call(reportCalls.get, { actor: nobody, tenant, month })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'month' } });
    await expect(caller.call(reportCalls.get, { actor: nobody, tenant: randomUUID(), month: '2026-01' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('counts what the log says of it, signed with the log’s key, and is the same for ever', async () => {
    const tenant = await bank();
    const entry = tenants.get(tenant)!;
    const sealer = new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId);
    const machine = { network: 'mizan', region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', evidence: 'contract' };
    const [ran, denied] = [ids.uuid(), ids.uuid()];
    const sealed = (id: string, type: 'admitted' | 'completed' | 'refused', fields: Record<string, Json>, timeMs = Date.now()) => sealRecord({ id, type, timeMs, fields, facts: null }, entry, sealer);
    const records = [
      sealed(ran, 'admitted', { model: 'm', machine, dataClass: 'confidential', declaredClass: 'internal', policyVersion: 2 }),
      sealed(ran, 'completed', { machine, price: { currency: 'USD' }, usage: { inputTokens: 7, outputTokens: 3 }, chargeNanos: '1500' }),
      sealed(denied, 'refused', { decision: 'deny', declaredClass: 'internal', dataClass: 'internal', policies: [{ id: 'eu-only', reason: null }], refusal: { code: 'POLICY_DENIED', message: 'no' } }),
    ];
    await stack.publish(...records);
    await eventually(() => caller.call(governanceCalls.proveRecord, { tenant, id: denied }));

    const [clock, reports] = [stack.service.app.get(Clock), stack.service.app.get(Reports)];
    const nowMs = clock.nowMs.bind(clock);
    clock.nowMs = () => nowMs() + 40 * 86_400_000;
    try {
      const signed = await reports.get({ actor: nobody, tenant, month });
      const { report, note, logKey } = signed;
      expect(report).toMatchObject({
        organisation: { id: tenant, pseudonym: entry.pseudonym },
        month,
        log: { entries: 4, unreadable: 0, byType: { 'organisation.created': 1, admitted: 1, completed: 1, refused: 1 } },
        ran: [{ model: 'm', ...machine, requests: 1, inputTokens: 7, outputTokens: 3, chargeNanos: '1500' }],
        law: [{ jurisdiction: 'EU', dataClass: 'confidential', policyVersion: 2, requests: 1 }],
        refusals: [{ code: 'POLICY_DENIED', policies: ['eu-only'], requests: 1 }],
        overrides: [{ declaredClass: 'internal', dataClass: 'confidential', requests: 1 }],
        approvals: [{ type: 'organisation.created', id: tenant }],
        payments: { charges: [{ currency: 'USD', chargeNanos: '1500' }] },
      });
      const hash = createHash('sha256').update(canonicalJson(report)).digest('hex');
      expect(openNote(note, [parseVerifierKey(sha256, logKey)], verifySignature).text).toBe(reportNoteText('mizan.test/audit', tenant, month, hash));
      await refuse(tenant, 1);
      expect(await reports.get({ actor: nobody, tenant, month })).toEqual(signed);
      const supplements = async () => (await caller.call(reportCalls.supplements, { actor: nobody, tenant, month })).data;
      // The refusal came after the report, and so did the entry that tells of the report.
      const [one] = await eventually(async () => {
        const found = await supplements();
        expect(found.length).toBeGreaterThan(0);
        return found;
      });
      const { report: late, note: lateNote } = await reports.get({ actor: nobody, tenant, month }).then(() => caller.call(reportCalls.supplement, { actor: nobody, tenant, month, number: 1 }));
      expect(late.supplement).toMatchObject({ number: 1, continues: hash, fromIndex: report.log.size });
      expect(late.supplement!.late.map(({ type }) => type)).toContain('refused');
      expect([late.log.entries, late.refusals[0]!.requests, one!.entries]).toEqual([late.supplement!.late.length, 1, late.log.entries]);
      expect(openNote(lateNote, [parseVerifierKey(sha256, logKey)], verifySignature).text).toBe(reportNoteText('mizan.test/audit', tenant, `${month}+1`, one!.sha256));
      await stack.publish(sealed(ids.uuid(), 'completed', { machine, price: { currency: 'EUR' }, usage: { inputTokens: 1, outputTokens: 1 }, chargeNanos: '7' }));
      const ended = await eventually(async () => {
        await supplements();
        const { report: next } = await caller.call(reportCalls.supplement, { actor: nobody, tenant, month, number: (await supplements()).length });
        expect(next.payments.charges).toEqual([{ currency: 'EUR', chargeNanos: '7' }]);
        return next;
      });
      const before = (await supplements()).find(({ number }) => number === ended.supplement!.number - 1)!;
      expect(ended.supplement!.continues).toBe(before.sha256);
      expect((await supplements()).map(({ number }) => number)).toEqual((await supplements()).map((_, at) => at + 1));
      expect((await caller.call(reportCalls.supplement, { actor: nobody, tenant, month, number: 1 })).report).toEqual(late);
      await expect(caller.call(reportCalls.supplement, { actor: nobody, tenant, month, number: 999 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(caller.call(reportCalls.supplements, { actor: nobody, tenant: await bank(), month })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const latePdf = Buffer.from((await caller.call(reportCalls.supplementPdf, { actor: nobody, tenant, month, number: 1 })).bytes, 'base64');
      expect(latePdf.subarray(0, 5).toString()).toBe('%PDF-');
      expect((await reports.get({ actor: nobody, tenant, month: '2026-01' })).report.log).toMatchObject({ entries: 0, first: null, last: null });
      const pdf = await reports.pdf({ actor: nobody, tenant, month });
      expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
      expect((await reports.pdf({ actor: nobody, tenant, month })).equals(pdf)).toBe(true);
      const reader = { keyId: randomUUID(), tenant, role: 'auditor' as const };
      for (const call of [reportCalls.get, reportCalls.pdf] as const) await caller.call(call, { actor: nobody, tenant, month, reader });
    } finally {
      clock.nowMs = nowMs;
    }
    // Both are told of beside each other.
    await eventually(async () => {
      const entries = await all(tenant);
      expect(entries.filter(({ type, fields }) => type === 'report.made' && fields?.['month'] === month && fields['supplement'] === undefined)).toHaveLength(1);
      const read = entries.filter(({ type }) => type === 'data.read').map(({ fields }) => fields);
      expect(read).toMatchObject([{ what: 'report', month, actor: { role: 'auditor' }, organisation: tenant }]);
    });
  });
});
