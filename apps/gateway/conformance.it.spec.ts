import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { RunningService } from '#service';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { tenant, uuidOf } from './examples.js';
import { GatewayStack, eventually } from './gateway-harness.js';

const vector = [0.5, -0.25, 0.125, 1, 0.75, -1, 0.0625, 0];

const json = (status: number, body: object, inputTokens = 3): NodeJobOutput => ({ status, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)), usage: { inputTokens, outputTokens: 0 } });
async function embed({ body }: NodeJobInput): Promise<NodeJobOutput> {
  const { model } = JSON.parse(body.toString()) as { model: string };
  return json(200, { object: 'list', data: [{ object: 'embedding', index: 0, embedding: vector }], model, usage: { prompt_tokens: 3, total_tokens: 3 } });
}


describe('conformance with the official client', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let key: string;
  let client: OpenAI;
  let release: (() => void) | undefined;

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    key = await stack.key('developer');
    client = clientOf(key);
    await stack.node(1, embed, { model: 'm', capacity: 50 });
    await stack.node(2, embed, { model: 'free', capacity: 50 }, 0n);
    await stack.node(3, async () => json(422, { error: { message: 'input too long for engine at http://10.0.0.7:8000 with key sk-provider-123456', type: 'invalid_request_error', param: 'input', code: null } }), { model: 'strict' });
    await stack.node(4, () => Promise.reject(new Error('engine http://user:hunter2@10.0.0.8 broke')), { model: 'broken' });
    await stack.node(5, (job) => new Promise((resolve) => (release = () => resolve(embed(job)))), { model: 'slow', capacity: 50 });
    await eventually(async () => (await client.models.list()).data.length === 5);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  const clientOf = (apiKey: string, url = stack.url): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
  const ask = (model = 'm', by = client) => by.embeddings.create({ model, input: 'a' });
  const failed = (work: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> =>
    work.then(
      () => Promise.reject(new Error('it did not fail')),
      (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
    );

  it('conformance 2: an unknown route is 404 with the JSON of an error', async () => {
    const error = await failed(client.get('/no/such/route'));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'ROUTE_NOT_FOUND', type: 'invalid_request_error', param: null, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown });
  });

  it('conformance 3: malformed JSON is 400, never 500', async () => {
    for (const body of ['', '{', '{"model":"m","input":}', '[1,', 'null', '"text"', '{"model":"m","input":"\ud800"', '\u0000', '{"model":"m" "input":"a"}', 'NaN']) {
      const response = await fetch(`${stack.url}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body });
      expect({ body, status: response.status, error: await response.json() }).toEqual({ body, status: 400, error: { error: expect.objectContaining({ type: 'invalid_request_error', message: expect.any(String) as unknown }) as unknown } });
    }
  });

  it('conformance 5: each status is the class that the client knows it by', async () => {
    const platform = clientOf(await stack.key('platform', 'platform_admin', null));
    const one = await stack.key('auditor', 'auditor');
    const seen = [
      await failed(client.post('/embeddings', { body: { model: 'm' } })),
      await failed(ask('m', clientOf(`mzn_${'x'.repeat(40)}`))),
      await failed(ask('m', clientOf(one))),
      await failed(ask('none')),
      await failed(platform.post('/organisations', { body: { name: 'a' } })),
      await failed(ask('strict')),
      await failed(ask('broken')),
    ];
    expect(seen.map(({ status, constructor }) => [status, constructor.name])).toEqual([
      [400, 'BadRequestError'],
      [401, 'AuthenticationError'],
      [403, 'PermissionDeniedError'],
      [404, 'NotFoundError'],
      [409, 'ConflictError'],
      [422, 'UnprocessableEntityError'],
      [503, 'InternalServerError'],
    ]);
    for (const { message, type, code } of seen) expect({ message: typeof message, type: typeof type, code: code === null || typeof code === 'string' }).toEqual({ message: 'string', type: 'string', code: true });
  });

  it("conformance 45: a provider's address and key are in no error", async () => {
    for (const [model, status] of [['strict', 422], ['broken', 503]] as const) {
      const error = await failed(ask(model));
      expect(error.status).toBe(status);
      for (const secret of ['10.0.0', 'sk-provider', 'hunter2', 'http:']) expect(JSON.stringify([error.message, error.error])).not.toContain(secret);
    }
    expect((await failed(ask('strict'))).message).toContain('input too long for engine');
  });

  it('conformance 6: a limit says when to retry, a budget says not to', async () => {
    await stack.limit('key', uuidOf(4), { requestsPerMinute: 2, tokensPerMinute: 100_000 });
    await eventually(async () => (await failed(Promise.all([ask(), ask(), ask(), ask()]).then(() => ask()))).status === 429);
    const response = await fetch(`${stack.url}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: '{"model":"m","input":"a"}' });
    const { headers } = response;
    expect(await response.json()).toEqual({ error: { message: expect.stringContaining('2 requests a minute') as unknown, type: 'rate_limit_error', param: null, code: 'RATE_LIMITED' } });
    const waitMs = Number(headers.get('retry-after-ms'));
    expect(waitMs).toBeGreaterThan(0);
    expect(Number(headers.get('retry-after'))).toBe(Math.ceil(waitMs / 1_000));
    expect({ limit: headers.get('x-ratelimit-limit-requests'), left: headers.get('x-ratelimit-remaining-requests'), tokens: headers.get('x-ratelimit-limit-tokens') }).toEqual({ limit: '2', left: '0', tokens: '100000' });
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+(ms|s|m\d+s)$/);
    expect(headers.get('x-should-retry')).toBeNull();
    await stack.unlimit(uuidOf(4));
    await eventually(async () => (await ask().catch(() => undefined)) !== undefined);

    const before = stack.purse.availableNanos;
    stack.purse.availableNanos = 0n;
    let tries = 0;
    const counting: typeof fetch = (...request) => ((tries += 1), fetch(...request));
    const patient = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: key, fetch: counting });
    // Larger than what is left of leases bought before.
    const refused = await failed(patient.embeddings.create({ model: 'm', input: 'x'.repeat(1_000_000) }));
    stack.purse.availableNanos = before;
    expect({ status: refused.status, retry: refused.headers?.get('x-should-retry') }).toEqual({ status: 402, retry: 'false' });
    expect(tries).toBe(1);
  });

  it('conformance 7: a spent budget surfaces as 402 insufficient_quota', async () => {
    const before = stack.purse.availableNanos;
    stack.purse.availableNanos = 0n;
    const error = await failed(client.embeddings.create({ model: 'm', input: 'x'.repeat(2_000_000) }));
    stack.purse.availableNanos = before;
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ status: 402, type: 'insufficient_quota', code: 'BUDGET_EXHAUSTED' });
  });

  it('conformance 8: every answer has a request id of its own, errors too', async () => {
    const answers = await Promise.all(
      [['GET', '/v1/models'], ['GET', '/v1/models/none'], ['GET', '/nowhere'], ['GET', '/v1/%zz'], ['OPTIONS', '/v1/models'], ['DELETE', '/v1/models'], ['GET', '/openapi.json'], ['GET', '/healthz'], ['GET', '/metrics']].map(([method, path]) =>
        fetch(`${stack.url}${path}`, { method: method!, headers: { authorization: `Bearer ${key}` } }),
      ),
    );
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(ids.length);
    const { request_id: id, response } = await ask().withResponse();
    expect(id).toBe(response.headers.get('x-mizan-record'));
  });

  it('conformance 14: what the client embeds by default equals what is sent as floats, in values and width', async () => {
    const [byDefault, floats] = await Promise.all([ask(), client.embeddings.create({ model: 'm', input: 'a', encoding_format: 'float' })]);
    expect(byDefault.data[0]!.embedding).toEqual(floats.data[0]!.embedding);
    expect(floats.data[0]!.embedding).toEqual(vector);
  });

  it('conformance 15: tokens for an input are refused with the reason: nobody could classify them', async () => {
    for (const input of [[1, 2, 3], [[1, 2], [3]]]) expect(await failed(client.embeddings.create({ model: 'm', input }))).toMatchObject({ status: 400, param: 'input', message: expect.stringContaining('token arrays') as unknown });
  });

  it('conformance 31: a caller cannot say where a request runs or with whose key', async () => {
    const body = { model: 'm', input: 'a' };
    for (const field of ['api_base', 'base_url', 'api_key']) expect(await failed(client.post('/embeddings', { body: { ...body, [field]: 'http://169.254.169.254' } }))).toMatchObject({ status: 400, param: field });
    for (const header of ['x-portkey-custom-host', 'helicone-target-url', 'x-base-url', 'x-target-host', 'openai-base-url']) {
      expect((await client.post('/embeddings', { body, headers: { [header]: 'http://127.0.0.1:1' } })) as { model: string }).toMatchObject({ model: 'm' });
    }
  });

  it('conformance 34: a model that costs nothing is limited like any other', async () => {
    await stack.limit('project', uuidOf(3), { requestsPerMinute: 1 });
    await eventually(async () => (await Promise.allSettled([ask('free'), ask('free')])).some(({ status }) => status === 'rejected'));
    expect(await failed(ask('free'))).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    await stack.unlimit(uuidOf(3));
    await eventually(async () => (await ask('free').catch(() => undefined)) !== undefined);
  });

  it('conformance 53: nobody makes a key that is wider than the own one', async () => {
    const path = `/organisations/${tenant.tenant}/keys`;
    const admin = clientOf(await stack.key('administrator', 'org_admin', null));
    const ofOneProject = clientOf(await stack.key('ofproject', 'org_admin', uuidOf(3)));
    const tries: [OpenAI, object][] = [
      [client, { name: 'a', role: 'developer' }],
      [admin, { name: 'a', role: 'platform_admin' }],
      [ofOneProject, { name: 'a', role: 'developer' }],
      [ofOneProject, { name: 'a', role: 'developer', project: uuidOf(9) }],
    ];
    for (const [by, body] of tries) expect(await failed(by.post(path, { body }))).toMatchObject({ status: 403, code: 'NOT_ALLOWED' });
    // Through to governance, which is away here, goes what is allowed.
    expect(await failed(ofOneProject.post(path, { body: { name: 'a', role: 'developer', project: uuidOf(3) } }))).toMatchObject({ status: 503 });
    expect(await failed(admin.post(`/organisations/${uuidOf(77)}/keys`, { body: { name: 'a', role: 'developer' } }))).toMatchObject({ status: 404 });
  });

  it('lets as many run at once as the limit says', async () => {
    await stack.limit('key', uuidOf(4), { concurrentRequests: 1 });
    await eventually(async () => {
      const first = ask('slow').catch(() => undefined);
      await eventually(() => release !== undefined);
      const second = await ask().then(() => 200, (error: { code: string }) => error.code);
      release!();
      release = undefined;
      await first;
      return second === 'CONCURRENCY_LIMITED';
    });
    expect((await ask()).data).toHaveLength(1);
    await stack.unlimit(uuidOf(4));
  });

  it('knows an alias as a model, and runs it as what it stands for', async () => {
    await stack.aliases([{ alias: 'text-embedding-3-small', models: ['broken', 'm'] }]);
    await eventually(async () => (await client.models.list()).data.some(({ id }) => id === 'text-embedding-3-small'));
    expect((await client.models.retrieve('text-embedding-3-small')).owned_by).toBe('organisation');
    const { data, response } = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'a' }).withResponse();
    expect(data.model).toBe('m');
    expect(response.headers.get('x-mizan-record')).not.toBe(response.headers.get('x-request-id'));
    await stack.aliases([]);
  });

  describe('with a second gateway', () => {
    let second: RunningService;
    beforeAll(async () => {
      second = await stack.another();
    });

    it('both together keep to one limit, from the moment that the second one serves', async () => {
      await stack.limit('organisation', tenant.tenant, { requestsPerMinute: 10 });
      const both = [client, clientOf(key, second.url)];
      const limited = async (): Promise<boolean[]> => Promise.all(both.map(async (by) => (await ask('m', by).asResponse()).headers.get('x-ratelimit-limit-requests') === '10'));
      // Asking costs requests: each gateway is asked until it knows of the limit, and its first answer under it counts.
      let counted = 0;
      await eventually(async () => {
        const known = await limited();
        counted = known.filter((is) => is).length;
        return counted === 2;
      });
      const outcomes = await Promise.allSettled(both.flatMap((by) => Array.from({ length: 20 }, () => ask('m', by))));
      const passed = outcomes.filter(({ status }) => status === 'fulfilled').length;
      // One of them may have been counted in a round before both knew.
      expect(passed + counted).toBeLessThanOrEqual(11);
      expect(passed + counted).toBeGreaterThanOrEqual(9);
      await stack.unlimit(tenant.tenant);
    });

    it('the one that stays takes over the whole when the other stops', async () => {
      await second.stop();
      await stack.limit('organisation', tenant.tenant, { concurrentRequests: 100, requestsPerMinute: 30 });
      await eventually(async () => (await ask().asResponse()).headers.get('x-ratelimit-limit-requests') === '30');
      const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => ask()));
      const passed = outcomes.filter(({ status }) => status === 'fulfilled').length;
      expect(passed).toBeGreaterThanOrEqual(28);
      expect(passed).toBeLessThanOrEqual(30);
      await stack.unlimit(tenant.tenant);
    });
  });
});
