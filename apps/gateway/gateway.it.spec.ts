import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { limits, openRecordBody } from '#protocol';
import type { CompletedFacts } from '#protocol';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { sealKeys, tenant, uuidOf } from './examples.js';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { GatewayStack, eventually, personKeys } from './gateway-harness.js';

const vector = [0.5, -0.25, 0.125, 1];
const usage = { inputTokens: 3, outputTokens: 0 };

/** An engine that answers arrays, whatever was asked for. */
async function embed({ body }: NodeJobInput): Promise<NodeJobOutput> {
  const { input, model } = JSON.parse(body.toString()) as { input: string | string[]; model: string };
  const data = [input].flat().map((_, index) => ({ object: 'embedding', index, embedding: vector }));
  return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify({ object: 'list', data, model, usage: { prompt_tokens: 3, total_tokens: 3 } })), usage };
}


describe('the gateway over HTTP', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let key: string;
  let client: OpenAI;
  const post = (path: string, body: string | object, headers: Record<string, string> = {}) =>
    fetch(`${stack.url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });
  const get = (path: string, as = key) => fetch(`${stack.url}${path}`, { headers: { authorization: `Bearer ${as}` } });
  const put = (path: string, body: object, as = key) => fetch(`${stack.url}${path}`, { method: 'PUT', headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const correction = { record: uuidOf(71), usage: { inputTokens: 1, outputTokens: 0 }, reason: 'the engine counted twice' };
  const spendAlert = { scope: 'organisation', period: 'month', amountNanos: '1000', thresholds: [{ name: 'half', percent: 50 }] };
  const errorOf = async (response: Response) => ({ status: response.status, ...((await response.json()) as { error: Record<string, unknown> }).error });

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    key = await stack.key('developer');
    await stack.node(1, embed, { model: 'mizan/embed', capacity: 50 });
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: key, maxRetries: 0 });
    await eventually(async () => (await get('/v1/models/mizan%2Fembed')).status === 200);
  });
  afterAll(async () => {
    await stack.stop();
    await nats.stop();
  });

  it('conformance 1: serves the official client unchanged: base64 by default, floats on demand, models with a slash', async () => {
    const byDefault = await client.embeddings.create({ model: 'mizan/embed', input: ['a', 'b'] });
    const floats = await client.embeddings.create({ model: 'mizan/embed', input: 'a', encoding_format: 'float' });
    expect(byDefault.data.map(({ embedding }) => embedding)).toEqual([vector, vector]);
    expect(floats.data[0]!.embedding).toEqual(vector);
    expect((await client.models.retrieve('mizan/embed')).id).toBe('mizan/embed');
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['mizan/embed']);
  });

  it('shows an administrator where a request spent its time, and nobody else', async () => {
    const ask = async (admin?: string) => post('/v1/embeddings', { model: 'mizan/embed', input: 'hello' }, admin === undefined ? {} : { 'x-mizan-admin-key': admin });
    const shown = await ask(await stack.key('administrator', 'org_admin', null, 6));
    expect(shown.status).toBe(200);
    for (const step of ['limit', 'classify', 'decide', 'reserve', 'place', 'dispatch', 'record.admitted', 'meter', 'record.completed']) expect(shown.headers.get('server-timing')).toMatch(new RegExp(`(^|, )${step};dur=\\d`));
    expect((await ask()).headers.get('server-timing')).toBeNull();
    expect(await errorOf(await ask(key))).toMatchObject({ status: 403, code: 'NOT_ALLOWED', param: 'x-mizan-admin-key' });
    expect(await errorOf(await ask(`mzn_${'x'.repeat(40)}`))).toMatchObject({ status: 401 });
  });

  it('names request and record, and both facts of the record are in the stream when the answer is here', async () => {
    const response = await post('/v1/embeddings', { model: 'mizan/embed', input: 'hello' }, { 'x-mizan-tags': 'sender:a@b.org', 'x-request-id': 'mine', 'x-mizan-record': 'mine' });
    const record = response.headers.get('x-mizan-record');
    expect({ status: response.status, same: record === response.headers.get('x-request-id') }).toEqual({ status: 200, same: true });
    await eventually(() => stack.records.filter(({ id }) => id === record).length === 2);
    const [admitted, completed] = ['admitted', 'completed'].map((type) => stack.records.find((entry) => entry.id === record && entry.type === type)!);
    expect(completed!.facts as CompletedFacts).toMatchObject({ outcome: 'ok', usage, chargeNanos: 60n, closedBy: 'gateway' });
    expect((completed!.facts as CompletedFacts).receipt).not.toBeNull();
    const body = openRecordBody(record!, 'admitted', admitted!.body!, sealKeys.privateKey);
    expect(body.fields).toMatchObject({ tags: ['sender:a@b.org'], dataClass: 'internal', machine: { name: 'node-1' } });
  });

  it('knows a subject by a pseudonym alone from the door on, in records and for an erasure', async () => {
    const subject = 'Erika Mustermann, 12.8.1964';
    const response = await post('/v1/embeddings', { model: 'mizan/embed', input: 'hello' }, { 'x-mizan-subject': subject });
    const record = response.headers.get('x-mizan-record')!;
    await eventually(() => stack.records.filter(({ id }) => id === record).length === 2);
    const admitted = stack.records.find(({ id, type }) => id === record && type === 'admitted')!;
    const body = openRecordBody(record, 'admitted', admitted.body!, sealKeys.privateKey, personKeys.privateKey);
    const person = body.fields['subject'];
    expect(person).toMatch(/^[0-9a-f]{64}$/);
    const compliance = await stack.key('compliance', 'compliance', null, 9);
    const erase = (more: object, as: string) => fetch(`${stack.url}/v1/erasures`, { method: 'POST', headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' }, body: JSON.stringify(more) });
    const asked = await erase({ subject, basis: 'GDPR Art. 17(1)(b)' }, compliance);
    expect([asked.status, await asked.json()]).toEqual([201, expect.objectContaining({ tenant: tenant.tenant, person, reference: null })]);
    expect(await errorOf(await erase({ subject, basis: 'x' }, key))).toMatchObject({ status: 403, code: 'NOT_ALLOWED' });
    expect(await errorOf(await erase({ subject, basis: 'x' }, await stack.key('orgadmin', 'org_admin', null, 10)))).toMatchObject({ status: 403, code: 'NOT_ALLOWED' });
    for (const wrong of [{ basis: 'x' }, { subject: 'M\u00fcller', basis: 'x' }, { subject, person, basis: 'x' }]) expect(await errorOf(await erase(wrong, compliance))).toMatchObject({ status: 400, param: 'subject' });
    expect(await errorOf(await erase({ subject }, compliance))).toMatchObject({ status: 400, param: 'basis' });
  });

  it.each<[string, () => Promise<Response>, number, string]>([
    ['an unknown route', () => get('/v1/nothing'), 404, 'ROUTE_NOT_FOUND'],
    ['a path that does not decode', () => get('/v1/models/%zz'), 400, 'REQUEST_INVALID'],
    ['an empty body', () => post('/v1/embeddings', ''), 400, 'JSON_INVALID'],
    ['a double slash', () => get('//v1/nodes'), 404, 'ROUTE_NOT_FOUND'],
    ['no key', () => fetch(`${stack.url}/v1/models`), 401, 'API_KEY_MISSING'],
    ['a wrong key', () => get('/v1/models', 'mzn_wrongwrongwrongwrongwrong'), 401, 'API_KEY_INVALID'],
    ['malformed JSON', () => post('/v1/embeddings', '{"model":'), 400, 'JSON_INVALID'],
    ['a poisoned prototype', () => post('/v1/embeddings', '{"__proto__":{"a":1},"model":"m","input":"a"}'), 400, 'JSON_INVALID'],
    ['a body over the limit', () => post('/v1/embeddings', { model: 'm', input: 'x'.repeat(limits.bodyBytesMax) }), 413, 'BODY_TOO_LARGE'],
    ['another content type', () => post('/v1/embeddings', 'model=m', { 'content-type': 'text/csv' }), 415, 'REQUEST_INVALID'],
    ['an empty input', () => post('/v1/embeddings', { model: 'mizan/embed', input: '' }), 400, 'REQUEST_INVALID'],
    ['a field that redirects', () => post('/v1/embeddings', { model: 'mizan/embed', input: 'a', api_base: 'http://x' }), 400, 'REQUEST_INVALID'],
    ['an unknown model', () => post('/v1/embeddings', { model: 'gpt-9', input: 'a' }), 404, 'MODEL_NOT_FOUND'],
    ['an endpoint that the model lacks', () => post('/v1/chat/completions', { model: 'mizan/embed', messages: [{ role: 'user', content: 'a' }] }), 404, 'MODEL_NOT_FOUND'],
    ['a stream of an unknown model', () => post('/v1/chat/completions', { model: 'm', stream: true, messages: [{ role: 'user', content: 'a' }] }), 404, 'MODEL_NOT_FOUND'],
    ['a wrong header', () => post('/v1/embeddings', { model: 'mizan/embed', input: 'a' }, { 'x-mizan-data-class': 'secret' }), 400, 'HEADER_INVALID'],
    ["another organisation's projects", () => get(`/v1/organisations/${uuidOf(77)}/projects`), 404, 'NOT_FOUND'],
    ["another organisation's records", () => get(`/v1/records?tenant=${uuidOf(77)}`), 404, 'NOT_FOUND'],
    ['a missing right', () => get('/v1/nodes'), 403, 'NOT_ALLOWED'],
    ["the deployment's closes", () => get('/v1/closes'), 403, 'NOT_ALLOWED'],
    ['a close by who may not', () => post('/v1/closes', {}), 403, 'NOT_ALLOWED'],
    ['an alert on spend by who may not', () => put(`/v1/organisations/${tenant.tenant}/spend-alerts`, { ...spendAlert, subject: tenant.tenant }), 403, 'NOT_ALLOWED'],
    ["another organisation's alerts on spend", () => get(`/v1/organisations/${uuidOf(77)}/spend-alerts`), 404, 'NOT_FOUND'],
    ["another organisation's unusual spend", () => get(`/v1/organisations/${uuidOf(77)}/unusual-spend`), 404, 'NOT_FOUND'],
    ['unusual spend of a project that is none', () => get(`/v1/organisations/${tenant.tenant}/unusual-spend?project=x`), 400, 'REQUEST_INVALID'],
    ['unusual spend from a day that is none', () => get(`/v1/organisations/${tenant.tenant}/unusual-spend?start_time=today`), 400, 'REQUEST_INVALID'],
    ['an alert on spend without thresholds', async () => put(`/v1/organisations/${tenant.tenant}/spend-alerts`, { ...spendAlert, subject: tenant.tenant, thresholds: [] }, await stack.key('finance', 'finance', null, 12)), 400, 'REQUEST_INVALID'],
    ['another price by who may not', () => put(`/v1/price-changes/${uuidOf(70)}`, { offer: uuidOf(71), note: 'n', inputNanosPerMillion: '1', outputNanosPerMillion: '1' }), 403, 'NOT_ALLOWED'],
    ['another price without a reason', async () => put(`/v1/price-changes/${uuidOf(70)}`, { offer: uuidOf(71), inputNanosPerMillion: '1', outputNanosPerMillion: '1' }, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ['a price book by who may not', () => put(`/v1/price-books/${uuidOf(70)}`, { note: 'n', effectiveFromMs: 0, rules: [] }), 403, 'NOT_ALLOWED'],
    ['an agreement by who may not', () => put(`/v1/organisations/${tenant.tenant}/agreements/${uuidOf(70)}`, { note: 'n', effectiveFromMs: 0, tiers: [], fees: [] }), 403, 'NOT_ALLOWED'],
    ['a credit by who would like one', () => put(`/v1/organisations/${tenant.tenant}/credits/${uuidOf(70)}`, { name: 'n', amountNanos: '1', validFromMs: 0, expiresAtMs: 3_600_000 }), 403, 'NOT_ALLOWED'],
    ['a correction of usage by who would gain by it', async () => put(`/v1/organisations/${tenant.tenant}/corrections/${uuidOf(70)}`, correction, await stack.key('finance', 'finance', null, 12)), 403, 'NOT_ALLOWED'],
    ['a correction to less than nothing', async () => put(`/v1/organisations/${tenant.tenant}/corrections/${uuidOf(70)}`, { ...correction, usage: { inputTokens: -1, outputTokens: 0 } }, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ['a correction without a reason', async () => put(`/v1/organisations/${tenant.tenant}/corrections/${uuidOf(70)}`, { ...correction, reason: ' ' }, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ['a correction of a meter that there is not', async () => put(`/v1/organisations/${tenant.tenant}/corrections/${uuidOf(70)}`, { ...correction, usage: { inputTokens: 1, outputTokens: 0, meters: { smiles: 1 } } }, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ['a correction under no id', async () => put(`/v1/organisations/${tenant.tenant}/corrections/1`, correction, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ["another organisation's corrections", async () => get(`/v1/organisations/${uuidOf(77)}/corrections`, await stack.key('finance', 'finance', null, 12)), 404, 'NOT_FOUND'],
    ["another organisation's credits", async () => get(`/v1/organisations/${uuidOf(77)}/credits`, await stack.key('finance', 'finance', null, 12)), 404, 'NOT_FOUND'],
    ["the deployment's accounts", () => get('/v1/ledger/accounts'), 403, 'NOT_ALLOWED'],
    ['a reservation without legs', async () => put(`/v1/ledger/reservations/${uuidOf(70)}`, { note: 'n', currency: 'USD', legs: [], expiresAtMs: 1 }, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ['a holdback rule by who may not', () => put('/v1/holdback-rules', { target: 'all', basisPoints: 1, holdMs: 1_000 }), 403, 'NOT_ALLOWED'],
    ['a word on what is held back by who may not', () => post(`/v1/holdbacks/${uuidOf(70)}/decision`, { passed: true, note: 'n' }), 403, 'NOT_ALLOWED'],
    ['a word on what is held back by its own organisation', async () => post(`/v1/holdbacks/${uuidOf(70)}/decision`, { passed: false, note: 'n' }, { authorization: `Bearer ${await stack.key('finance', 'finance', null, 12)}` }), 403, 'NOT_ALLOWED'],
    ['a word on what is held back without a reason', async () => post(`/v1/holdbacks/${uuidOf(70)}/decision`, { passed: true }, { authorization: `Bearer ${await stack.key('platform', 'platform_admin', null, 13)}` }), 400, 'REQUEST_INVALID'],
    ['a word on what is held back that is neither', async () => post(`/v1/holdbacks/${uuidOf(70)}/decision`, { passed: 'yes', note: 'n' }, { authorization: `Bearer ${await stack.key('platform', 'platform_admin', null, 13)}` }), 400, 'REQUEST_INVALID'],
    ['a word on what is held back that is a book', async () => post(`/v1/holdbacks/${uuidOf(70)}/decision`, { passed: true, note: 'n'.repeat(10_000) }, { authorization: `Bearer ${await stack.key('platform', 'platform_admin', null, 13)}` }), 400, 'REQUEST_INVALID'],
    ['a word on no record', async () => post('/v1/holdbacks/7/decision', { passed: true, note: 'n' }, { authorization: `Bearer ${await stack.key('platform', 'platform_admin', null, 13)}` }), 400, 'REQUEST_INVALID'],
    ["another organisation's holdbacks", async () => get(`/v1/holdbacks?tenant=${uuidOf(77)}`, await stack.key('finance', 'finance', null, 12)), 404, 'NOT_FOUND'],
    ['a price book without sense', async () => put(`/v1/price-books/${uuidOf(70)}`, { note: 'n', effectiveFromMs: 0, rules: [{ markupBasisPoints: -1, networkFeeBasisPoints: 0 }] }, await stack.key('platform', 'platform_admin', null, 13)), 400, 'REQUEST_INVALID'],
    ['a service that is away', () => get('/v1/offers'), 503, 'SERVICE_UNAVAILABLE'],
    ['an id that is none', () => get('/v1/records/7'), 400, 'REQUEST_INVALID'],
  ])('answers %s in the shape of OpenAI, with a request id and nothing secret', async (_name, request, status, code) => {
    const response = await request();
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const error = await errorOf(response);
    expect(error).toMatchObject({ status, code, type: expect.any(String) as unknown, message: expect.any(String) as unknown });
    expect(error).toHaveProperty('param');
    expect(JSON.stringify(error)).not.toContain('mzn_wrong');
  });

  it('never reads another tenant out of the body when the query names the own one', async () => {
    const finance = await stack.key('finance', 'finance', null);
    const response = await fetch(`${stack.url}/v1/settlements?tenant=${tenant.tenant}`, { method: 'POST', headers: { authorization: `Bearer ${finance}`, 'content-type': 'application/json' }, body: JSON.stringify({ tenant: uuidOf(77) }) });
    expect(response.status).toBe(404);
  });

  it('passes calls of administrators on and encodes their answers', async () => {
    const response = await get(`/v1/organisations/${tenant.tenant}`);
    expect(await response.json()).toEqual({ id: tenant.tenant, name: tenant.name, pseudonym: tenant.pseudonym, createdAtMs: 1 });
  });

  it('conformance 56: refuses a revoked key within a second', async () => {
    const doomed = await stack.key('doomed');
    await stack.revoke(doomed);
    const revokedAtMs = Date.now();
    let status = 200;
    while (status !== 401 && Date.now() - revokedAtMs < 1_000) status = (await get('/v1/models', doomed)).status;
    expect(status).toBe(401);
  });

  it('conformance 32: admits exactly one of many parallel requests when the budget holds one', async () => {
    const other = await stack.key('organisation', 'developer', null);
    const before = stack.purse.availableNanos;
    const one = () => fetch(`${stack.url}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${other}`, 'content-type': 'application/json', 'openai-project': uuidOf(3) }, body: JSON.stringify({ model: 'mizan/embed', input: 'x'.repeat(4_000) }) });
    // Leases bought before hold less than this request needs; 4,000 bytes and markers × 20 nanos.
    stack.purse.availableNanos = (4_000n + 16n) * 20n;
    const statuses = (await Promise.all(Array.from({ length: 20 }, one))).map((response) => `${response.status} ${response.headers.get('x-should-retry')}`);
    stack.purse.availableNanos = before;
    expect(statuses.sort()).toEqual(['200 null', ...Array.from({ length: 19 }, () => '402 false')]);
  });

  it('cancels the job on the node when the client goes away, and closes the record without a charge', async () => {
    let started!: () => void;
    const running = new Promise<void>((resolve) => (started = resolve));
    let cancelled = false;
    await stack.node(
      2,
      (_job, signal) =>
        new Promise((_resolve, reject) => {
          started();
          signal.addEventListener('abort', () => {
            cancelled = true;
            reject(new Error('cancelled'));
          });
        }),
      { model: 'slow' },
    );
    await eventually(async () => (await get('/v1/models/slow')).status === 200);
    const leaving = new AbortController();
    const request = fetch(`${stack.url}/v1/embeddings`, { method: 'POST', signal: leaving.signal, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'slow', input: 'a' }) });
    request.catch(() => undefined);
    await running;
    leaving.abort();
    await eventually(() => cancelled && stack.records.some(({ facts }) => facts?.kind === 'completed' && facts.outcome === 'cancelled' && facts.chargeNanos === 0n));
  });

  it('fails over from a machine that vanished, before the client sees anything', async () => {
    await stack.node(3, embed, { model: 'pair' }, 30_000_000n);
    const cheap = await stack.node(4, embed, { model: 'pair' }, 1_000_000n);
    // The server has taken note that it is gone before this resolves.
    await cheap.drain();
    const response = await post('/v1/embeddings', { model: 'pair', input: 'a' });
    expect(response.status).toBe(200);
    await eventually(() => stack.records.some(({ id, type }) => id === response.headers.get('x-mizan-record') && type === 'completed'));
    const { attempts } = stack.records.find(({ id, type }) => id === response.headers.get('x-mizan-record') && type === 'completed')!.facts as CompletedFacts;
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['unreachable', 'ok']);
  });

  it('refuses by policy with the policy named, and records it', async () => {
    await stack.policy('@id("closed") @reason("Nothing runs today.") forbid(principal, action, resource);', 2);
    await eventually(async () => (await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' })).status === 403);
    const response = await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' });
    expect(response.headers.get('x-should-retry')).toBe('false');
    const record = response.headers.get('x-mizan-record');
    expect(await errorOf(response)).toMatchObject({ status: 403, code: 'POLICY_DENIED', policies: [{ id: 'closed', reason: 'Nothing runs today.' }] });
    await eventually(() => stack.records.some(({ id, type }) => id === record && type === 'refused'));
    await stack.policy('@id("all") permit(principal, action, resource);', 3);
    await eventually(async () => (await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' })).status === 200);
  });

  it('serves its own description, and how long each step took', async () => {
    expect(await (await fetch(`${stack.url}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0' });
    expect(await (await fetch(`${stack.gateway.operationsUrl}/metrics`)).text()).toContain('mizan_gateway_step_seconds_count{step="dispatch"}');
  });

  it('does not start where records would say that they are kept more often than they are', async () => {
    await expect(stack.another({ RECORD_DURABILITY: 'three-replicas' })).rejects.toThrow('the stream RECORDS has 1 of 3 replicas');
  });

  it('tells callers nothing of its health and its metrics: they are on a port of their own', async () => {
    const statuses = async (base: string): Promise<number[]> => Promise.all(['/healthz', '/readyz', '/metrics'].map(async (path) => (await fetch(`${base}${path}`, { headers: { authorization: `Bearer ${key}` } })).status));
    expect(await statuses(stack.url)).toEqual([404, 404, 404]);
    expect(await statuses(stack.gateway.operationsUrl)).toEqual([200, 200, 200]);
    expect(new URL(stack.gateway.operationsUrl).port).not.toBe(new URL(stack.url).port);
  });

  it('gives billing what it holds and does not need, and buys anew for the next request', async () => {
    const ask = async (): Promise<number> => (await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' })).status;
    expect(await ask()).toBe(200);
    const { gateway } = stack.records.flatMap(({ facts }) => (facts?.kind === 'admitted' ? [facts] : [])).at(-1)!;
    const [lease] = await stack.recall(gateway);
    expect(lease).toMatchObject({ lease: uuidOf(0x50), fence: 1 });
    expect(lease!.usedNanosMax).toBeGreaterThan(0n);
    expect(await stack.recall(gateway)).toEqual([lease]);
    expect(await ask()).toBe(200);
  });

  it('runs nothing while the bus is down, says when to retry, and works again after', async () => {
    await nats.kill();
    await eventually(async () => (await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' })).status === 503);
    const response = await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'RECORD_UNAVAILABLE' });
    await nats.restart();
    await eventually(async () => (await post('/v1/embeddings', { model: 'mizan/embed', input: 'a' })).status === 200, 20_000);
  });

  it('hands its leases in when it stops', async () => {
    const before = stack.purse.released;
    await stack.stopGateway();
    expect(stack.purse.released).toBeGreaterThan(before);
  });
});
