import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { limits } from '#protocol';
import { foundEnterprise, anywhere } from '../enterprise.js';
import type { NewKey } from '../enterprise.js';
import { eventually } from '../eventually.js';
import { recordIn } from '../requests.js';
import { stackMs } from '../standalone-stack.js';
import { ConformingHouse, chat, embedding, failed, messages } from './conforming-house.js';
import { about, json, usage, vector } from './scripted-engine.js';

let at: ConformingHouse;
let client: OpenAI;

const embed = (more: object = {}) => client.embeddings.create({ model: embedding, input: 'a', ...more });
const send = (method: string, path: string, body?: unknown) => at.house.developer.send(method, path, body);

describe('the numbered cases with the official client, on the whole stack', () => {
  beforeAll(async () => {
    at = await ConformingHouse.found();
    client = at.client();
  }, stackMs);
  beforeEach(() => at.reset());

  it('conformance 1: a model whose name has a slash is found, as clients write it', async () => {
    expect(await client.models.retrieve(chat)).toMatchObject({ id: chat, object: 'model' });
    expect((await send('GET', `/v1/models/${encodeURIComponent(chat)}`)).json).toMatchObject({ id: chat });
  });

  it('conformance 2: an unknown route is 404 with the JSON of an error', async () => {
    const error = await failed(client.get('/no/such/route'));
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'ROUTE_NOT_FOUND', type: 'invalid_request_error', param: null, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown });
  });

  it('conformance 3: malformed JSON is 400, never 500', async () => {
    for (const body of ['', '{', '{"model":"m","input":}', '[1,', 'null', '"text"', '{"model":"m","input":"\ud800"', '\u0000', '{"model":"m" "input":"a"}', 'NaN']) {
      expect({ body, ...(await send('POST', '/v1/embeddings', body)) }).toMatchObject({ body, status: 400, error: { type: 'invalid_request_error', message: expect.any(String) as unknown } });
    }
  });

  it('conformance 4: a body of exactly the limit is read, one byte more is 413', async () => {
    const padded = (bytes: number): string => {
      const start = `{"model":"${embedding}","input":"a","user":"`;
      return `${start}${'u'.repeat(bytes - start.length - 2)}"}`;
    };
    expect((await send('POST', '/v1/embeddings', padded(limits.bodyBytesMax + 1))).error).toMatchObject({ code: 'BODY_TOO_LARGE', type: 'invalid_request_error', param: null });
    expect((await send('POST', '/v1/embeddings', padded(limits.bodyBytesMax))).status).not.toBe(413);
  });

  it('conformance 5: each status is the class that the client knows it by', async () => {
    const { secret } = await at.house.admin.post<NewKey>(`/v1/organisations/${at.house.tenant}/keys`, { role: 'auditor', name: 'an auditor' });
    await eventually("the gateway to know the auditor's key", async () => ((await at.stack.rest(secret).send('GET', '/v1/models')).status === 200 ? true : undefined));
    at.script = json(422, { error: { message: 'input too long', type: 'invalid_request_error', param: 'input', code: null } });
    const refusedByEngine = await failed(embed());
    at.script = json(500, { error: { message: 'out of memory' } });
    const broken = await failed(embed());
    const named = { 'Idempotency-Key': 'case-5' };
    at.reset();
    await client.embeddings.create({ model: embedding, input: 'first' }, { headers: named });
    const seen = [
      await failed(client.post('/embeddings', { body: { model: embedding } })),
      await failed(at.client('mzn_A4ZelYEqSifvg4CktTXQ2WkuDCH91gaIdxKMr8KjNnx08n6AU').models.list()),
      await failed(at.client(secret).embeddings.create({ model: embedding, input: 'a' })),
      await failed(embed({ model: 'none' })),
      await failed(client.embeddings.create({ model: embedding, input: 'second' }, { headers: named })),
      refusedByEngine,
      broken,
    ];
    expect(seen.map(({ status, constructor }) => [status, constructor.name])).toEqual([[400, 'BadRequestError'], [401, 'AuthenticationError'], [403, 'PermissionDeniedError'], [404, 'NotFoundError'], [409, 'ConflictError'], [422, 'UnprocessableEntityError'], [503, 'InternalServerError']]);
    for (const { message, type, code } of seen) expect({ message: typeof message, type: typeof type, code: code === null || typeof code === 'string' }).toEqual({ message: 'string', type: 'string', code: true });
  });

  it('conformance 6 and 9: a limit says how long to wait, in seconds and in milliseconds, and that it is worth it; a budget says not to', async () => {
    const path = `/v1/organisations/${at.house.tenant}/keys/${at.house.developerKeyId}/limits`;
    await at.house.admin.put(path, { requestsPerMinute: 1 });
    const refused = await eventually('the limit to refuse', async () => {
      const answer = await send('POST', '/v1/embeddings', { model: embedding, input: 'a' });
      return answer.status === 429 ? answer : undefined;
    });
    expect(refused.error).toMatchObject({ type: 'rate_limit_error', code: 'RATE_LIMITED' });
    const waitMs = Number(refused.headers.get('retry-after-ms'));
    expect(waitMs).toBeGreaterThan(8_000);
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(waitMs / 1_000));
    expect([refused.headers.get('x-should-retry'), refused.headers.get('x-ratelimit-limit-requests')]).toEqual([null, '1']);
    await at.house.admin.put(path, {});
    await eventually('the limit to be gone', async () => ((await send('POST', '/v1/embeddings', { model: embedding, input: 'a' })).status === 200 ? true : undefined));
  });

  it('conformance 7: a spent budget surfaces as 402 insufficient_quota, which the client does not repeat', async () => {
    const poor = await foundEnterprise(at.stack, 'A conforming house without money', { policy: anywhere, budgetNanos: 1n });
    let tries = 0;
    const counting: typeof fetch = (...request) => ((tries += 1), fetch(...request));
    const error = await failed(at.client(poor.developerKey, { maxRetries: 2, fetch: counting }).embeddings.create({ model: embedding, input: 'a' }));
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ status: 402, type: 'insufficient_quota', code: 'BUDGET_EXHAUSTED' });
    expect([error.headers?.get('x-should-retry'), tries]).toEqual(['false', 1]);
  });

  it('conformance 8: every answer has a request id of its own, errors and streams too', async () => {
    const answers = await Promise.all([
      ...[['GET', '/v1/models'], ['GET', '/v1/models/none'], ['GET', '/nowhere'], ['GET', '/v1/%zz'], ['OPTIONS', '/v1/models'], ['DELETE', '/v1/models'], ['GET', '/openapi.json']].map(([method, path]) => send(method!, path!)),
      at.post(),
    ]);
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(ids.length);
    const { request_id: id, response } = await embed().withResponse();
    expect(id).toBe(response.headers.get('x-mizan-record'));
  });

  it('conformance 10: content:null with tool_calls is taken, and given back', async () => {
    const call = { id: 'c', type: 'function' as const, function: { name: 'f', arguments: '{}' } };
    at.script = json(200, { ...about, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }], usage });
    const history = [...messages, { role: 'assistant' as const, content: null, tool_calls: [call] }, { role: 'tool' as const, tool_call_id: 'c', content: '7' }];
    const given = await client.chat.completions.create({ model: chat, messages: history, tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] });
    expect(given.choices[0]!.message).toEqual({ role: 'assistant', content: null, tool_calls: [call] });
    expect(at.asked[0]!.body).toMatchObject({ messages: history, tools: [{ function: { name: 'f' } }] });
  });

  it('conformance 11: n, tools, logprobs and unknown fields reach the engine untouched', async () => {
    const more = { n: 2, logprobs: true, top_logprobs: 3, tools: [{ type: 'function', function: { name: 'f' } }], response_format: { type: 'json_schema', json_schema: { name: 's', schema: {} } }, odd_field: { deep: [1, null] } };
    await (await at.post(more)).text();
    expect(at.asked[0]!.body).toMatchObject(more);
  });

  it('conformance 14: what the client embeds by default equals what is sent as floats, in values and width', async () => {
    const [byDefault, floats] = await Promise.all([embed(), embed({ encoding_format: 'float' })]);
    expect(byDefault.data[0]!.embedding).toEqual(floats.data[0]!.embedding);
    expect(floats.data[0]!.embedding).toEqual(vector);
  });

  it('conformance 15: tokens for an input are refused with the reason', async () => {
    for (const input of [[1, 2, 3], [[1, 2], [3]]]) expect(await failed(embed({ input }))).toMatchObject({ status: 400, param: 'input', message: expect.stringContaining('token arrays') as unknown });
    expect(at.asked).toEqual([]);
  });

  it('names the record on every answer that was decided', async () => {
    expect(recordIn(await send('POST', '/v1/embeddings', { model: embedding, input: 'a' }))).toMatch(/^[0-9a-f-]{36}$/);
  });
});
