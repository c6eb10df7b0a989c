import { beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';
import pg from 'pg';
import { bankPolicy } from '../../apps/standalone/sample/bank-policy.js';
import { credentialNames } from '#protocol';
import type { CredentialName } from '#protocol';
import { anywhere, foundEnterprise } from './enterprise.js';
import type { Enterprise, NewKey } from './enterprise.js';
import { eventually } from './eventually.js';
import { Trespasser } from './nats-trespass.js';
import { oneStack } from './one-stack.js';
import { embed, embeddedModel, machineOf, recordIn, recordOf } from './requests.js';
import type { RestApi } from './rest-api.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

const text = 'Weigh with the true balance.';
const iban = 'Please pay DE89 3704 0044 0532 0130 00 by Friday.';

let stack: StandaloneStack;
/** The sample's bank: its developer, its administrator, the platform's. */
let bank: RestApi;
let bankAdmin: RestApi;
let platform: RestApi;
let other: Enterprise;

beforeAll(async () => {
  stack = await oneStack();
  [bank, bankAdmin, platform] = [stack.rest(), stack.rest(stack.run.orgAdminKey), stack.rest(stack.run.adminKey)];
  other = await foundEnterprise(stack, 'Another house', { policy: anywhere, budgetNanos: 1_000_000_000n });
}, stackMs);

const newKey = (role: string, project: string | null = null): Promise<NewKey> => bankAdmin.post<NewKey>(`/v1/organisations/${stack.run.tenant}/keys`, { role, project, name: `a ${role}` });

async function keyInUse(role: string, project: string | null = null): Promise<{ id: string; api: RestApi }> {
  const { id, secret } = await newKey(role, project);
  const api = stack.rest(secret);
  await eventually(`the gateway to know the key of the ${role}`, async () => ((await api.send('GET', '/v1/models')).status === 200 ? true : undefined));
  return { id, api };
}

describe('what is not a request', () => {
  const good = { model: embeddedModel, input: text };
  it.each<[string, number, string, string | null, unknown, Record<string, string>]>([
    ['JSON that is cut short', 400, 'JSON_INVALID', null, '{"model": "', {}],
    ['JSON that would reach into prototypes', 400, 'JSON_INVALID', null, `{"__proto__": {"a": 1}, "model": "${embeddedModel}", "input": "a"}`, {}],
    ['an empty body', 400, 'JSON_INVALID', null, '', {}],
    ['a list for a body', 400, 'REQUEST_INVALID', null, [], {}],
    ['a body of another type', 415, 'REQUEST_INVALID', 'content-type', '<embed/>', { 'content-type': 'application/xml' }],
    ['no model', 400, 'REQUEST_INVALID', 'model', { input: text }, {}],
    ['a number for a model', 400, 'REQUEST_INVALID', 'model', { ...good, model: 7 }, {}],
    ['an unknown model', 404, 'MODEL_NOT_FOUND', 'model', { ...good, model: 'no-such-model' }, {}],
    ['no input', 400, 'REQUEST_INVALID', 'input', { model: embeddedModel }, {}],
    ['an empty input', 400, 'REQUEST_INVALID', 'input', { ...good, input: '' }, {}],
    ['an empty list of inputs', 400, 'REQUEST_INVALID', 'input', { ...good, input: [] }, {}],
    ['one empty input among others', 400, 'REQUEST_INVALID', 'input.1', { ...good, input: [text, ''] }, {}],
    ['tokens for an input', 400, 'REQUEST_INVALID', 'input', { ...good, input: [1, 2, 3] }, {}],
    ['more inputs than the limit', 400, 'REQUEST_INVALID', 'input', { ...good, input: Array.from({ length: 2_049 }, () => 'a') }, {}],
    ['an unknown encoding', 400, 'REQUEST_INVALID', 'encoding_format', { ...good, encoding_format: 'int8' }, {}],
    ['an address of the caller’s choice to run at', 400, 'REQUEST_INVALID', 'base_url', { ...good, base_url: 'http://169.254.169.254/' }, {}],
    ['JSON nested beyond any meaning', 400, 'REQUEST_INVALID', null, `{"model": "${embeddedModel}", "input": "a", "user": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`, {}],
    ['an unknown data class', 400, 'HEADER_INVALID', 'x-mizan-data-class', good, { 'x-mizan-data-class': 'top-secret' }],
    ['a purpose that is too long', 400, 'HEADER_INVALID', 'x-mizan-purpose', good, { 'x-mizan-purpose': 'a'.repeat(513) }],
    ['a subject of other than printable characters', 400, 'HEADER_INVALID', 'x-mizan-subject', good, { 'x-mizan-subject': 'caf\u00e9' }],
    ['too many tags', 400, 'HEADER_INVALID', 'x-mizan-tags', good, { 'x-mizan-tags': Array.from({ length: 33 }, (_, at) => `tag:${at}`).join(',') }],
    ['another project than the key’s', 403, 'NOT_ALLOWED', null, good, { 'openai-project': randomUUID() }],
  ])('%s gets %i %s', async (_what, status, code, param, body, headers) => {
    const answer = await bank.send('POST', '/v1/embeddings', body, headers);
    expect({ status: answer.status, error: answer.error }).toMatchObject({ status, error: { code, message: expect.any(String), type: expect.any(String) } });
    if (param !== null) expect(answer.error?.param).toBe(param);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get('x-mizan-record')).toBeNull();
  });

  it('a body over the limit gets 413, a route that is not there 404', async () => {
    const big = await bank.send('POST', '/v1/embeddings', { model: embeddedModel, input: 'a'.repeat(4 * 1024 * 1024) });
    expect({ status: big.status, code: big.error?.code }).toEqual({ status: 413, code: 'BODY_TOO_LARGE' });
    const nowhere = await bank.send('GET', '/v1/nowhere');
    expect({ status: nowhere.status, code: nowhere.error?.code }).toEqual({ status: 404, code: 'ROUTE_NOT_FOUND' });
  });

  it('ids that the caller sends are not taken for ours', async () => {
    const forged = randomUUID();
    const answer = await embed(bank, text, { 'x-request-id': forged, 'x-mizan-record': forged });
    expect(answer.status).toBe(200);
    expect([answer.headers.get('x-request-id'), recordIn(answer)]).not.toContain(forged);
  });
});

describe('who may do what', () => {
  it.each<[string, string, string]>([
    ['a key of another kind', 'sk-1234567890', 'API_KEY_INVALID'],
    ['a key that nobody was given', 'mzn_A4ZelYEqSifvg4CktTXQ2WkuDCH91gaIdxKMr8KjNnx08n6AU', 'API_KEY_INVALID'],
  ])('%s gets 401', async (_what, key, code) => {
    const answer = await embed(stack.rest(key), text);
    expect({ status: answer.status, code: answer.error?.code }).toEqual({ status: 401, code });
    expect(answer.bytes.toString()).not.toContain(key);
  });

  it('no key gets 402 where a request is sold, and 401 where nothing is', async () => {
    const nobody = stack.rest('');
    const sold = await embed(nobody, text);
    expect({ status: sold.status, code: sold.error?.code }).toEqual({ status: 402, code: 'PAYMENT_REQUIRED' });
    expect(sold.headers.get('payment-required')).toEqual(expect.any(String));
    const asked = await nobody.send('GET', '/v1/models');
    expect({ status: asked.status, code: asked.error?.code }).toEqual({ status: 401, code: 'API_KEY_MISSING' });
  });

  it('a revoked key is refused within a second', async () => {
    const { id, api } = await keyInUse('developer', stack.run.project);
    expect((await bankAdmin.send('DELETE', `/v1/organisations/${stack.run.tenant}/keys/${id}`)).status).toBe(200);
    const revoked = performance.now();
    await eventually('the revoked key to be refused', async (saw) => {
      const { status, error } = await embed(api, text);
      saw(status);
      return status === 401 && error?.code === 'API_KEY_INVALID' ? true : undefined;
    });
    expect(performance.now() - revoked).toBeLessThan(5_000);
  });

  it('a key is worth what its role is, not more', async () => {
    const { tenant, project } = stack.run;
    const of = `/v1/organisations/${tenant}`;
    const finance = (await keyInUse('finance')).api;
    const auditor = (await keyInUse('auditor')).api;
    const anOffer = (await bank.get<{ data: { id: string }[] }>('/v1/offers')).data[0]!.id;
    const tries: [string, RestApi, string, string, unknown][] = [
      ['developer', bank, 'PUT', `${of}/policy`, { text: anywhere }],
      ['developer', bank, 'GET', `${of}/keys`, undefined],
      ['developer', bank, 'PUT', `${of}/budgets`, { project, limitNanos: '1' }],
      ['developer', bank, 'GET', '/v1/payouts', undefined],
      ['developer', bank, 'GET', '/v1/nodes', undefined],
      ['developer', bank, 'GET', '/v1/exports', undefined],
      ['developer', bank, 'GET', `${of}/webhooks`, undefined],
      ['auditor', auditor, 'POST', `${of}/webhooks`, { url: 'https://hook.example/' }],
      ['developer', bank, 'GET', '/v1/payouts/held', undefined],
      ['auditor', auditor, 'POST', '/v1/payout-holds', { payee: stack.run.payer, reason: 'mine', untilMs: null }],
      ['auditor', auditor, 'PUT', `${of}/payout-schedule`, { schedule: null }],
      ['finance', finance, 'POST', '/v1/embeddings', { model: embeddedModel, input: text }],
      ['finance', finance, 'GET', '/v1/records', undefined],
      ['auditor', auditor, 'PUT', `${of}/budgets`, { project, limitNanos: '1' }],
      ['auditor', auditor, 'POST', '/v1/embeddings', { model: embeddedModel, input: text }],
      ['administrator', bankAdmin, 'POST', '/v1/organisations', { name: 'Of my own' }],
      ['administrator', bankAdmin, 'POST', `${of}/keys`, { role: 'platform_admin', name: 'wider than mine' }],
      ['administrator', bankAdmin, 'POST', '/v1/enrolment-tokens', { name: 'a machine' }],
      ['administrator', bankAdmin, 'PUT', `/v1/price-changes/${anOffer}`, { offer: anOffer, note: 'dearer', inputNanosPerMillion: '1', outputNanosPerMillion: '1' }],
      ['administrator', bankAdmin, 'DELETE', `/v1/nodes/${stack.run.nodes[0]!.id}`, undefined],
      ['platform administrator', platform, 'POST', '/v1/embeddings', { model: embeddedModel, input: text }],
      // The seller's own acts and the deployment's books are nobody's of the organisation that is billed.
      ['finance', finance, 'POST', '/v1/invoices', { tenant, fromMs: 0, toMs: 1 }],
      ['finance', finance, 'DELETE', `/v1/invoices/${anOffer}`, undefined],
      ['finance', finance, 'POST', `/v1/invoices/${anOffer}/credit-notes`, { tenant, id: anOffer, reason: 'too dear' }],
      ['administrator', bankAdmin, 'POST', `/v1/invoices/${anOffer}/payments`, { tenant, id: anOffer, amountMinor: '1', reference: 'mine', paidAtMs: 0 }],
      ['finance', finance, 'POST', '/v1/refunds', { tenant, id: anOffer, currency: 'USD', amountMinor: '1', reason: 'mine' }],
      ['administrator', bankAdmin, 'POST', '/v1/exchange-rates', { currency: 'EUR', nanosPerUsd: '1', validFromMs: 0, source: 'mine' }],
      ['finance', finance, 'PUT', `${of}/corrections/${anOffer}`, { record: anOffer, usage: { inputTokens: 0, outputTokens: 0 }, reason: 'mine' }],
      ['administrator', bankAdmin, 'PUT', `${of}/credits/${anOffer}`, { name: 'mine', amountNanos: '1', validFromMs: 0, expiresAtMs: 3_600_000 }],
      ['administrator', bankAdmin, 'PUT', `${of}/agreements/${anOffer}`, { note: 'mine', effectiveFromMs: 0, tiers: [], fees: [] }],
      ['finance', finance, 'PUT', `/v1/ledger/reservations/${anOffer}`, { note: 'mine', currency: 'USD', legs: [{ debit: 'margin', credit: 'fees', amountNanos: '1' }], expiresAtMs: 1 }],
      ['auditor', auditor, 'POST', '/v1/closes', undefined],
      ['administrator', bankAdmin, 'PUT', '/v1/holdback-rules', { target: 'all', basisPoints: 0, holdMs: 1_000 }],
      ['administrator', bankAdmin, 'POST', `/v1/claims/${anOffer}/${anOffer}/resolution`, { resolution: 'rejected', note: 'mine' }],
    ];
    const seen = await Promise.all(tries.map(async ([who, api, method, path, body]) => {
      const { status, error } = await api.send(method, path, body);
      return `${who}: ${method} ${path}: ${status} ${error?.code}`;
    }));
    expect(seen).toEqual(tries.map(([who, , method, path]) => `${who}: ${method} ${path}: 403 NOT_ALLOWED`));
  });

  it('what an auditor reads and takes out is in the log, and a file taken out is whole', async () => {
    const { id: keyId, api: auditor } = await keyInUse('auditor');
    const id = recordIn(await embed(bank, text));
    await recordOf(bank, id);
    await recordOf(auditor, id);
    await auditor.send('GET', `/v1/records/${id}/bundle`);
    const exported = async (after = ''): Promise<Record<string, unknown>[]> => (await auditor.send('GET', `/v1/exports?limit=10000${after}`)).bytes.toString().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    await exported();
    const lines = await eventually('the reads in the log', async (saw) => {
      const all = await exported();
      const read = all.filter(({ type, fields }) => (type === 'data.read' || type === 'log.exported') && (fields as { actor: { keyId: string } }).actor.keyId === keyId);
      saw(read);
      return read.length >= 3 ? all : undefined;
    });
    const mine = lines.filter(({ type, fields }) => type === 'data.read' && (fields as { actor: { keyId: string } }).actor.keyId === keyId).map(({ fields }) => fields);
    expect(mine).toEqual([expect.objectContaining({ what: 'record', record: id, actor: { keyId, tenant: stack.run.tenant, role: 'auditor' } }), expect.objectContaining({ what: 'bundle', record: id })]);
    const entries = lines.filter(({ kind }) => kind === 'entry');
    expect(entries.map(({ previous }) => previous)).toEqual([null, ...entries.slice(0, -1).map(({ index }) => index)]);
    expect(entries.some(({ id: one, type, fields }) => one === id && type === 'admitted' && (fields as { decisionNumber: { number: number } }).decisionNumber.number > 0)).toBe(true);
    expect(lines.at(-1)).toMatchObject({ kind: 'end', entries: entries.length, next: null });
    const csv = (await auditor.send('GET', '/v1/exports?format=csv&limit=3')).bytes.toString().split('\r\n');
    expect([csv[0]!.startsWith('index,previous,id,type'), csv.length]).toEqual([true, 5]);
    for (const wrong of ['format=xml', 'limit=0', 'after=-1']) expect((await auditor.send('GET', `/v1/exports?${wrong}`)).status).toBe(400);
  });

  it('whoever runs the platform sees that a request was, not what was in it', async () => {
    const id = recordIn(await embed(bank, text));
    await recordOf(bank, id);
    const { entries } = await platform.get<{ entries: { type: string; body: unknown }[] }>(`/v1/records/${id}`);
    expect(entries).toEqual([expect.objectContaining({ type: 'admitted', body: null }), expect.objectContaining({ type: 'completed', body: null })]);
  });

  it('what belongs to another organisation is not found, as if it were not there', async () => {
    const record = recordIn(await embed(other.developer, text));
    await recordOf(other.developer, record);
    const { tenant, project, developerKeyId } = other;
    const theirs = `/v1/organisations/${tenant}`;
    const ours = `/v1/organisations/${stack.run.tenant}`;
    const tries: [string, string, unknown?][] = [
      ['GET', `/v1/records/${record}`],
      ['GET', `/v1/records/${record}?tenant=${tenant}`],
      ['GET', `/v1/records?tenant=${tenant}`],
      ['GET', `/v1/records/${record}/proof`],
      ['GET', `/v1/charges/${record}`],
      ['GET', `/v1/charges/${record}?tenant=${tenant}`],
      ['GET', `/v1/usage?start_time=1700000000&tenant=${tenant}`],
      ['GET', `/v1/costs?start_time=1700000000&tenant=${tenant}`],
      ['GET', `/v1/costs/export?start_time=1790000000&tenant=${tenant}`],
      ['GET', `/v1/payables?tenant=${tenant}`],
      ['GET', `/v1/payouts?tenant=${tenant}`],
      ['GET', `/v1/settlements?tenant=${tenant}`],
      ['POST', '/v1/settlements', { tenant }],
      ['GET', theirs],
      ['GET', `${theirs}/policy`],
      ['PUT', `${theirs}/policy`, { text: anywhere }],
      ['POST', `${theirs}/policy/dry-run`, { record }],
      ['POST', `${ours}/policy/dry-run`, { record }],
      ['GET', `${theirs}/projects`],
      ['POST', `${theirs}/projects`, { name: 'Mine in theirs', defaultClass: 'public' }],
      ['GET', `${theirs}/budgets`],
      ['PUT', `${theirs}/budgets`, { project, limitNanos: '1' }],
      ['GET', `/v1/exports?tenant=${other.tenant}`],
      ['GET', `${theirs}/webhooks`],
      ['POST', `${theirs}/webhooks`, { url: 'https://hook.example/' }],
      ['GET', `${theirs}/keys`],
      ['POST', `${theirs}/keys`, { role: 'developer', project, name: 'mine in theirs' }],
      ['DELETE', `${theirs}/keys/${developerKeyId}`],
      ['DELETE', `${ours}/keys/${developerKeyId}`],
      ['POST', `${ours}/keys`, { role: 'developer', project, name: 'theirs in mine' }],
      ['PUT', `${ours}/budgets`, { project, limitNanos: '1' }],
      ['PUT', `${theirs}/payer`, { address: stack.run.payer }],
      ['GET', `/v1/payouts/held?tenant=${tenant}`],
      ['POST', '/v1/payout-holds', { tenant, payee: stack.run.payer, reason: 'mine in theirs', untilMs: null }],
      ['GET', `/v1/payout-disputes?tenant=${tenant}`],
      ['POST', '/v1/payout-disputes', { tenant, statement: record, payee: stack.run.payer, reason: 'mine in theirs' }],
      ['GET', `${theirs}/payout-minimums`],
      ['PUT', `${theirs}/payout-minimums`, { payee: null, minimumNanos: '1' }],
      ['PUT', `${theirs}/payout-schedule`, { schedule: null }],
    ];
    const seen = await Promise.all(tries.map(async ([method, path, body]) => {
      const { status, error } = await bankAdmin.send(method, path, body);
      // A record this young may be on its way: that is said of any such id, whether there is one or not.
      return `${method} ${path}: ${status} ${error?.code === 'RECORD_PENDING' ? 'NOT_FOUND' : error?.code}`;
    }));
    expect(seen).toEqual(tries.map(([method, path]) => `${method} ${path}: 404 NOT_FOUND`));

    const invented = `${record.slice(0, -4)}${record.endsWith('0000') ? '0001' : '0000'}`;
    for (const path of [`/v1/records/${record}`, `/v1/records/${record}/proof`, `/v1/charges/${record}`]) {
      const [existing, missing] = await Promise.all([path, path.replace(record, invented)].map(async (one) => (await bankAdmin.send('GET', one)).error));
      expect(existing).toEqual(missing);
    }
    expect((await embed(other.developer, text)).status).toBe(200);
  });
});

describe('who is paid, and when', () => {
  it('is said by the organisation’s finance, for itself, and read again as it was said', async () => {
    const finance = (await keyInUse('finance')).api;
    const of = `/v1/organisations/${stack.run.tenant}`;
    const payee = `0x${'a1'.repeat(20)}`;
    expect(await finance.put(`${of}/payout-schedule`, { schedule: { kind: 'weekly', weekday: 1, at: '09:30' } })).toMatchObject({ schedule: { kind: 'weekly' }, nextAtMs: expect.any(Number) });
    expect(await finance.put(`${of}/payout-schedule`, { schedule: null })).toMatchObject({ schedule: null, nextAtMs: null });
    await finance.put(`${of}/payout-minimums`, { payee, minimumNanos: '5000000000' });
    expect(await finance.get(`${of}/payout-minimums`)).toMatchObject({ data: [{ payee: expect.stringMatching(new RegExp(payee, 'i')), minimumNanos: '5000000000' }], hasMore: false });
    await finance.put(`${of}/payout-minimums`, { payee, minimumNanos: '0' });
    expect(await finance.get(`${of}/payout-minimums`)).toEqual({ data: [], hasMore: false });
    const hold = await finance.post<{ id: string; tenant: string }>('/v1/payout-holds', { payee, reason: 'a question is open', untilMs: null });
    expect(hold.tenant).toBe(stack.run.tenant);
    expect(await finance.get('/v1/payout-holds')).toMatchObject({ data: [{ id: hold.id, reason: 'a question is open' }] });
    expect(await platform.get('/v1/settlement/screening')).toMatchObject({ sources: [], waiver: expect.stringContaining('stand-alone stack') });
    expect(await platform.get('/v1/settlement/token')).toMatchObject({ chainId: 31_337, everywhere: true });
    const elsewhere = await other.admin.send('POST', `/v1/payout-holds/${hold.id}/release`, { note: 'theirs' });
    expect({ status: elsewhere.status, code: elsewhere.error?.code }).toEqual({ status: 404, code: 'NOT_FOUND' });
    expect(await finance.post(`/v1/payout-holds/${hold.id}/release`, { note: 'answered' })).toMatchObject({ releaseNote: 'answered' });
  });

  it.each<[string, string, string, unknown]>([
    ['a time that is none', 'PUT', 'payout-schedule', { schedule: { kind: 'daily', at: '24:00' } }],
    ['a day that not every month has', 'PUT', 'payout-schedule', { schedule: { kind: 'monthly', day: 31, at: '00:00' } }],
    ['less than nothing', 'PUT', 'payout-minimums', { payee: null, minimumNanos: '-1' }],
    ['a number for an amount', 'PUT', 'payout-minimums', { payee: null, minimumNanos: 5 }],
  ])('%s is refused', async (_what, method, path, body) => {
    const answer = await bankAdmin.send(method, `/v1/organisations/${stack.run.tenant}/${path}`, body);
    expect({ status: answer.status, code: answer.error?.code }).toEqual({ status: 400, code: 'REQUEST_INVALID' });
  });
});

describe('policy', () => {
  it('lets an IBAN run in the EU only, and the same sentence without it on the cheapest machine anywhere', async () => {
    const personal = await embed(bank, iban);
    const harmless = await embed(bank, 'Please pay by Friday.');
    expect([personal.status, harmless.status]).toEqual([200, 200]);
    expect(await machineOf(bank, personal)).toMatchObject({ jurisdiction: 'EU' });
    expect(await machineOf(bank, harmless)).toMatchObject({ region: 'sa-riyadh' });
    expect((await recordOf(bank, recordIn(personal))).admitted).toMatchObject({ dataClass: 'confidential', findings: [{ kind: 'iban', count: 1 }] });
  });

  it('refuses by name what no machine may run, says why, and keeps the refusal on record', async () => {
    const answer = await embed(bank, text, { 'x-mizan-tags': 'sender:rssfeeds@spamassassin.taint.org' });
    expect({ status: answer.status, error: answer.error }).toMatchObject({ status: 403, error: { code: 'POLICY_DENIED', policies: [{ id: 'bank.refused-senders', reason: expect.any(String) }] } });
    expect(answer.headers.get('x-should-retry')).toBe('false');
    expect((await recordOf(bank, recordIn(answer))).refused).toMatchObject({ policies: [{ id: 'bank.refused-senders' }], refusal: { code: 'POLICY_DENIED' } });
  });

  it('refuses everything to an organisation that has published none', async () => {
    const without = await foundEnterprise(stack, 'Without a policy', { budgetNanos: 1_000_000_000n });
    const answer = await embed(without.developer, text);
    expect({ status: answer.status, error: answer.error }).toMatchObject({ status: 403, error: { code: 'POLICY_DENIED', message: expect.stringMatching(/no policy/) } });
  });

  it('is refused itself when it is wrong, with line and column', async () => {
    const before = await bankAdmin.get<{ version: number }>(`/v1/organisations/${stack.run.tenant}/policy`);
    const answer = await bankAdmin.send('PUT', `/v1/organisations/${stack.run.tenant}/policy`, { text: '\npermit (principal, action, resource)\nwhen { context.colour == "red" };' });
    expect({ status: answer.status, error: answer.error }).toMatchObject({ status: 400, error: { code: 'POLICY_INVALID', problems: [expect.objectContaining({ line: 3, column: expect.any(Number) })] } });
    expect(await bankAdmin.get(`/v1/organisations/${stack.run.tenant}/policy`)).toMatchObject({ version: before.version });
  });

  it('moves the next request when one line of it changes', async () => {
    const path = `/v1/organisations/${stack.run.tenant}/policy`;
    const putAndRun = async (policy: string): Promise<string> => {
      const { version } = await bankAdmin.put<{ version: number }>(path, { text: policy });
      return eventually(`a request under version ${version} of the policy`, async (saw) => {
        const answer = await embed(bank, iban);
        const { admitted, completed } = await recordOf(bank, recordIn(answer));
        saw(admitted?.policyVersion);
        return admitted?.policyVersion === version ? completed?.machine.jurisdiction : undefined;
      });
    };
    const changed = bankPolicy().replace('resource.jurisdiction == "EU"', 'resource.jurisdiction == "US"');
    expect(changed).not.toBe(bankPolicy());
    expect(await putAndRun(changed)).toBe('US');
    expect(await putAndRun(bankPolicy())).toBe('EU');
  });
});

describe('budgets', () => {
  it('a budget for one request lets exactly one of many through, and says to the others not to try again', async () => {
    // One price only: what the first one leaves of its reservation must not do for a cheaper machine.
    const policy = anywhere.replace('resource)', 'resource) when { resource.region == "sa-riyadh" }');
    const rich = await foundEnterprise(stack, 'With much money', { policy, budgetNanos: 1_000_000_000n });
    const { admitted } = await recordOf(rich.developer, recordIn(await embed(rich.developer, text)));
    const poor = await foundEnterprise(stack, 'With little money', { policy, budgetNanos: BigInt(admitted!.holdNanos) });

    const answers = await Promise.all(Array.from({ length: 16 }, () => embed(poor.developer, text)));
    const seen = answers.map(({ status, error, headers }) => `${status} ${error?.code ?? ''} ${headers.get('x-should-retry') ?? ''}`.trim()).sort();
    expect(seen).toEqual(['200', ...Array.from({ length: 15 }, () => '402 BUDGET_EXHAUSTED false')]);

    let requests = 0;
    const client = new OpenAI({ baseURL: `${stack.run.api}/v1`, apiKey: await secretOf(poor), fetch: (input, init) => ((requests += 1), fetch(input, init)) });
    await expect(client.embeddings.create({ model: embeddedModel, input: text })).rejects.toMatchObject({ status: 402, code: 'BUDGET_EXHAUSTED', type: 'insufficient_quota' });
    expect(requests).toBe(1);

    const charged = (await recordOf(poor.developer, recordIn(answers.find(({ status }) => status === 200)!))).completed!.chargeNanos;
    const budget = await eventually('the charge in the budget', async (saw) => {
      const { data } = await poor.admin.get<{ data: { spentNanos: string; limitNanos: string }[] }>(`/v1/organisations/${poor.tenant}/budgets`);
      saw(data);
      return data[0]?.spentNanos === charged ? data[0] : undefined;
    });
    expect(BigInt(budget.spentNanos)).toBeLessThanOrEqual(BigInt(budget.limitNanos));
  });

  it('no budget is no money', async () => {
    const without = await foundEnterprise(stack, 'Without a budget', { policy: anywhere });
    const answer = await embed(without.developer, text);
    expect({ status: answer.status, code: answer.error?.code, retry: answer.headers.get('x-should-retry') }).toEqual({ status: 402, code: 'BUDGET_MISSING', retry: 'false' });
  });
});

async function secretOf(enterprise: Enterprise): Promise<string> {
  const { secret } = await enterprise.admin.post<NewKey>(`/v1/organisations/${enterprise.tenant}/keys`, { role: 'developer', project: enterprise.project, name: 'another developer' });
  await eventually('the gateway to know the key', async () => ((await stack.rest(secret).send('GET', '/v1/models')).status === 200 ? true : undefined));
  return secret;
}

describe('credentials behind the gateway', () => {
  const nobody = randomUUID();
  /** What a credential is for, and what it is not for. */
  const reach: Record<CredentialName, { may: string; publish: string[]; subscribe: string[] }> = {
    gateway: {
      may: '$JS.API.INFO',
      publish: ['mizan.record.billing', 'mizan.event.billing.x', '_INBOX_billing.x', '$KV.keys.x', '$KV.policies.x', `node.${nobody}.up.receipt`, '$JS.API.STREAM.PURGE.RECORDS', '$JS.API.CONSUMER.CREATE.RECORDS', 'mizan.named.governance.content-keys.open'],
      subscribe: ['mizan.named.>', 'mizan.rpc.billing.>', 'mizan.record.>', '_INBOX_billing.>', '>'],
    },
    scheduler: { may: '$JS.API.INFO', publish: ['mizan.record.gateway', '$KV.prices.x', `node.${nobody}.down.session`, 'mizan.rpc.governance.keys.create'], subscribe: ['mizan.named.>', 'mizan.rpc.billing.>', '$KV.keys.>', 'node.*.up.receipt'] },
    billing: { may: '$JS.API.INFO', publish: ['mizan.record.gateway', '$KV.policies.x', 'mizan.rpc.governance.keys.create', '$JS.API.STREAM.MSG.GET.KV_keys'], subscribe: ['mizan.rpc.governance.>', '$KV.keys.>', `node.${nobody}.down.>`] },
    governance: { may: '$JS.API.INFO', publish: ['mizan.record.gateway', 'mizan.event.billing.x', 'mizan.rpc.billing.budgets.put', '$KV.offers.x'], subscribe: ['mizan.rpc.settlement.>', 'node.>'] },
    settlement: { may: '$JS.API.INFO', publish: ['mizan.record.gateway', '$KV.tenants.x', 'mizan.event.scheduler.node-enrolled', 'mizan.rpc.scheduler.nodes.revoke', 'mizan.named.governance.content-keys.open'], subscribe: ['mizan.rpc.billing.>', 'mizan.record.>'] },
    provision: { may: '$JS.API.INFO', publish: ['mizan.record.gateway', '$KV.keys.x', 'mizan.rpc.billing.budgets.put'], subscribe: ['mizan.>', 'node.>'] },
    verify: { may: '$JS.API.INFO', publish: ['mizan.record.gateway', '$JS.API.STREAM.PURGE.RECORDS', '$JS.API.CONSUMER.CREATE.RECORDS', '$KV.keys.x'], subscribe: ['mizan.>', '$KV.>'] },
  };

  it.each(credentialNames)('of %s reach its own subjects and no other', async (name) => {
    const trespasser = await Trespasser.withCredential(stack.run.natsUrl, name, stack.run.natsCreds[name]!);
    const { may, ...denied } = reach[name];
    expect({ [may]: await trespasser.isRefusedToPublish(may) }).toEqual({ [may]: false });
    await expectRefused(trespasser, denied);
    await trespasser.leave();
  });

  it("of a machine reach that machine's subjects and no other, nothing of JetStream and no service", async () => {
    const [one, two] = stack.run.nodes as [RunNode, RunNode];
    const trespasser = await Trespasser.asNode(stack.run.natsUrl, one);
    expect(await trespasser.isRefusedToPublish(`node.${one.id}.up.nothing`)).toBe(false);
    await expectRefused(trespasser, {
      publish: [`node.${two.id}.up.receipt`, `node.${two.id}.up.heartbeat`, `node.${one.id}.down.settled`, `node.${two.id}.down.session`, '$JS.API.INFO', '$JS.API.STREAM.INFO.RECEIPTS', 'mizan.rpc.billing.budgets.put', 'mizan.record.gateway', '$KV.offers.x', '$SYS.REQ.CLAIMS.UPDATE'],
      subscribe: [`node.${two.id}.down.>`, `node.${two.id}.up.>`, 'node.>', `_INBOX_${two.id}.>`, '_INBOX.>', 'mizan.>', '$KV.>', '$SYS.>', '>'],
    });
    await trespasser.leave();
  });

  it('of one service do not open the tables of another, and the verifier’s writes none', async () => {
    const secrets = JSON.parse(readFileSync(stack.path('secrets.json'), 'utf8')) as Record<string, string>;
    const tables = { billing: 'billing.postings', governance: 'governance.log_bundles', scheduler: 'scheduler.nodes', settlement: 'settlement.statements' };
    for (const [service, own] of Object.entries(tables)) {
      const url = new URL(stack.run.databaseUrl);
      [url.username, url.password] = [`mizan_${service}`, secrets[`database:mizan_${service}`]!];
      for (const table of Object.values(tables)) expect(`${service} ${table} ${await queryCode(url.href, `SELECT 1 FROM ${table} LIMIT 1`)}`).toBe(`${service} ${table} ${table === own ? 'ok' : '42501'}`);
    }
    for (const table of Object.values(tables)) {
      expect(await queryCode(stack.run.verifyDatabaseUrl, `SELECT 1 FROM ${table} LIMIT 1`)).toBe('ok');
      expect(await queryCode(stack.run.verifyDatabaseUrl, 'SET TRANSACTION READ WRITE', `DELETE FROM ${table}`)).toBe('42501');
    }
  });

  it('of a machine that is revoked are cut off at once, and are good for nothing afterwards', async () => {
    const virginia = stack.run.nodes.find(({ region }) => region === 'us-virginia')!;
    const trespasser = await Trespasser.asNode(stack.run.natsUrl, virginia);
    const cut = trespasser.cut();
    expect((await platform.send('DELETE', `/v1/nodes/${virginia.id}`)).status).toBe(200);
    const revoked = performance.now();
    await cut;
    expect(performance.now() - revoked).toBeLessThan(5_000);
    await expect(Trespasser.asNode(stack.run.natsUrl, virginia)).rejects.toThrow(/authori[sz]ation/i);
    const { data } = await bank.get<{ data: { node: string }[] }>('/v1/offers');
    expect(data.map(({ node }) => node)).not.toContain(virginia.id);
  });
});

describe('after all of it', () => {
  it('the six invariants hold', async () => {
    const { invariants, code } = await stack.verify();
    expect(invariants.filter(({ holds }) => !holds)).toEqual([]);
    expect({ code, invariants: invariants.length }).toEqual({ code: 0, invariants: 6 });
  });
});

type RunNode = StandaloneStack['run']['nodes'][number];

async function expectRefused(trespasser: Trespasser, { publish, subscribe }: { publish: string[]; subscribe: string[] }): Promise<void> {
  const letIn: string[] = [];
  for (const subject of publish) if (!(await trespasser.isRefusedToPublish(subject))) letIn.push(`publish ${subject}`);
  for (const subject of subscribe) if (!(await trespasser.isRefusedToSubscribe(subject))) letIn.push(`subscribe ${subject}`);
  expect(letIn).toEqual([]);
}

/** `ok`, or PostgreSQL's code of the error. */
async function queryCode(connectionString: string, ...queries: string[]): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    for (const query of ['BEGIN', ...queries]) await client.query(query);
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
    await client.end();
  }
}
