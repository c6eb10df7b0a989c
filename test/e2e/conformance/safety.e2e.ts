import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { sendRaw } from '../../../apps/gateway/http/raw-http.js';
import type { RawAnswer } from '../../../apps/gateway/http/raw-http.js';
import type { NewKey } from '../enterprise.js';
import { eventually } from '../eventually.js';
import { recordOf } from '../requests.js';
import { stackMs } from '../standalone-stack.js';
import { ConformingHouse, chat, embedding, failed, messages } from './conforming-house.js';
import { json } from './scripted-engine.js';

let at: ConformingHouse;
let client: OpenAI;
let strangers: OpenAI;
let of: string;

const ask = (by = client, input = 'a') => by.embeddings.create({ model: embedding, input });
const send = (body: unknown, headers: Record<string, string> = {}) => at.house.developer.send('POST', '/v1/embeddings', body, headers);
const head = (method: string, path: string, ...fields: string[]): string => [`${method} ${path} HTTP/1.1`, 'Host: gateway', `Authorization: Bearer ${at.house.developerKey}`, ...fields, '', ''].join('\r\n');
const raw = (bytes: string): Promise<RawAnswer> => sendRaw(at.stack.run.api, bytes);
/** Everything that the stack's processes have logged. */
const logged = (): string => readdirSync(at.stack.path('log')).map((file) => readFileSync(at.stack.path('log', file), 'utf8')).join('\n');
const metrics = async (): Promise<string> => (await fetch(`${at.stack.run.services['gateway-operations'] ?? at.stack.run.services['gateway']}/metrics`)).text();

describe('the numbered cases of who may see what, on the whole stack', () => {
  beforeAll(async () => {
    at = await ConformingHouse.found();
    client = at.client();
    strangers = at.client(at.other.developerKey);
    of = `/v1/organisations/${at.house.tenant}`;
  }, stackMs);
  beforeEach(() => at.reset());

  it('conformance 42: an answer that is kept is given to nobody else, word for word or by meaning', async () => {
    const limits = (enterprise: typeof at.house): string => `/v1/organisations/${enterprise.tenant}/projects/${enterprise.project}/limits`;
    for (const enterprise of [at.house, at.other]) await enterprise.admin.put(limits(enterprise), { cacheSeconds: 600 });
    const words = 'the very same words for both';
    await eventually('an answer to be kept', async () => ((await ask(client, words).asResponse()).headers.get('x-mizan-cache') === 'hit' ? true : undefined));
    const before = at.asked.length;
    expect((await ask(strangers, words).asResponse()).headers.get('x-mizan-cache')).not.toBe('hit');
    expect(at.asked).toHaveLength(before + 1);
    for (const enterprise of [at.house, at.other]) await enterprise.admin.put(limits(enterprise), {});
  });

  it('conformance 43: files, batches and responses of another organisation do not exist', async () => {
    const file = await client.files.create({ file: await toFile(Buffer.from('{"custom_id":"a"}\n'), 'a.jsonl'), purpose: 'batch' });
    for (const work of [strangers.files.retrieve(file.id), strangers.files.content(file.id), strangers.files.delete(file.id), strangers.responses.retrieve('resp_0198c0de00007000800000000000000a')]) expect(await failed(work)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect((await strangers.files.list()).data).toEqual([]);
    await client.files.delete(file.id);
  });

  it('conformance 44: neither a key, its hash nor its end is in a 401, a log or a metric', async () => {
    const wrong = `mzn_${'Zq7'.repeat(14)}TAIL`;
    const by = (path: string, authorization?: string): Promise<Response> => fetch(`${at.stack.run.api}${path}`, { headers: authorization === undefined ? {} : { authorization } });
    const answers = await Promise.all([by('/v1/models', `Bearer ${wrong}`), by('/v1/models', wrong), by(`/v1/models?api_key=${wrong}`), by(`/v1/models/${wrong}`, `Bearer ${wrong}`)]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    await ask();
    const told = (await Promise.all(answers.map(async (answer) => `${[...answer.headers].join()} ${await answer.text()}`))).join();
    const key = at.house.developerKey;
    const everything = `${told} ${logged()} ${await metrics()}`;
    for (const secret of [wrong, 'Zq7Zq7', key, key.slice(-12), createHash('sha256').update(key).digest('hex')]) expect(everything.includes(secret)).toBe(false);
  });

  it("conformance 45: a provider's address and key are in no error", async () => {
    at.script = json(422, { error: { message: 'input too long for engine at http://10.0.0.7:8000 with key sk-provider-123456', type: 'invalid_request_error', param: 'input', code: null } });
    const error = await failed(ask());
    expect(error.message).toContain('input too long for engine');
    for (const secret of ['10.0.0', 'sk-provider', 'http:']) expect(JSON.stringify([error.message, error.error])).not.toContain(secret);
  });

  it('conformance 46: a forged host, doubled slashes, semicolons and encoded dots lead nobody past the key or to another route', async () => {
    const close = 'Connection: close';
    const without = (path: string, ...fields: string[]): Promise<RawAnswer> => raw([`GET ${path} HTTP/1.1`, ...fields, close, '', ''].join('\r\n'));
    const statuses = async (paths: string[]): Promise<number[]> => (await Promise.all(paths.map((path) => without(path, 'Host: gateway')))).map(({ status }) => status);
    expect(await statuses(['/v1/models', '/v1/%6dodels', '/v1/models?x=;/healthz', 'http://evil/v1/models'])).toEqual([401, 401, 401, 401]);
    expect(await statuses(['//v1/models', '/v1//models', '/v1/./models', '/openapi.json/../v1/models', '/openapi.json/%2e%2e/v1/models', '/healthz;/v1/models', '/v1/models;x=1/y'])).toEqual(Array.from({ length: 7 }, () => 404));
    expect((await Promise.all(['/v1/models;a', '/v1/models/%2e%2e', '/v1/models/m;x', '/V1/models'].map((path) => raw(head('GET', path, close))))).map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    for (const host of ['localhost', '127.0.0.1', 'gateway.internal', '@evil', 'evil/v1/models?']) expect((await without('/v1/models', `Host: ${host}`)).status).toBe(401);
  });

  it.each<[string, () => string]>([
    ['content-length with transfer-encoding', () => `${head('POST', '/v1/embeddings', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n`],
    ['two lengths', () => `${head('POST', '/v1/embeddings', 'Content-Length: 2', 'Content-Length: 0')}{}GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n`],
    ['a folded header', () => head('POST', '/v1/embeddings', 'X-A: b', ' c: d')],
    ['lines that end in LF only', () => head('POST', '/v1/embeddings').replaceAll('\r\n', '\n')],
  ])('conformance 47: %s gets 400, one answer, and the end of the connection', async (_what, bytes) => {
    const answer = await raw(bytes());
    expect([answer.status, answer.text.match(/HTTP\/1\.1 \d/g)?.length]).toEqual([400, 1]);
  });

  it('conformance 48: headers that name a tenant, a route or another hop change nothing and go nowhere', async () => {
    const internal = { 'x-tenant-id': at.other.tenant, 'x-mizan-tenant': at.other.tenant, 'x-forwarded-for': '10.9.9.9', 'x-forwarded-host': 'evil', 'x-forwarded-user': 'admin', 'x-original-url': '/healthz', 'x-rewrite-url': '/v1/nodes', 'x-http-method-override': 'DELETE', 'proxy-authorization': 'Basic abcdef', te: 'trailers' };
    const answer = await send({ model: embedding, input: 'a' }, internal);
    expect(answer.status).toBe(200);
    expect((await recordOf(at.house.developer, answer.headers.get('x-mizan-record')!)).completed).toMatchObject({ outcome: 'ok' });
    const seen = JSON.stringify(at.asked[0]);
    for (const value of [at.other.tenant, 'evil', 'abcdef', '10.9.9.9', at.house.developerKey.slice(4, 20)]) expect(seen).not.toContain(value);
  });

  it.each(['http://169.254.169.254/latest/meta-data', 'http://[::1]/', 'http://2130706433/', 'http:\\\\evil', 'file:///etc/passwd'])('conformance 49: no address inside is ever fetched for a message: %s', async (url) => {
    const error = await failed(client.chat.completions.create({ model: chat, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] }));
    expect(error.status).toBe(400);
    expect(at.asked).toEqual([]);
  });

  it('conformance 50: a key is kept as a keyed hash only, which its own hash does not find', async () => {
    const key = at.house.developerKey;
    for (const wrong of [createHash('sha256').update(key).digest('hex'), `mzn_${createHash('sha256').update(key).digest('hex').slice(0, 44)}`, `${key}x`, key.slice(0, -1)]) expect((await at.stack.rest(wrong).send('GET', '/v1/models')).status).toBe(401);
  });

  it.each(["mzn_' OR 1=1 --aaaaaaaaaaaaaa", 'mzn_%%%%%%%%%%%%%%%%%%%%%%%%', 'mzn_________________________', 'mzn_*aaaaaaaaaaaaaaaaaaaaaaa', 'mzn_.>aaaaaaaaaaaaaaaaaaaaaa'])('conformance 51: metacharacters in a key find nothing: %s', async (wrong) => {
    expect((await at.stack.rest(wrong).send('GET', '/v1/models')).status).toBe(401);
  });

  it('conformance 51: metacharacters in a search find nothing that is not there', async () => {
    const { secret } = await at.house.admin.post<NewKey>(`${of}/keys`, { role: 'auditor', name: 'who searches' });
    const auditor = at.stack.rest(secret);
    await eventually('the gateway to know the key', async () => ((await auditor.send('GET', '/v1/models')).status === 200 ? true : undefined));
    for (const wrong of ['%', '_', "' OR 1=1 --"]) expect((await auditor.send('GET', `/v1/records?model=${encodeURIComponent(wrong)}`)).json).toMatchObject({ data: [] });
  });

  it('conformance 52: keys that begin and end alike are two keys', async () => {
    const key = at.house.developerKey;
    const alike = `${key.slice(0, 12)}${'x'.repeat(key.length - 24)}${key.slice(-12)}`;
    await ask();
    expect((await at.stack.rest(alike).send('GET', '/v1/models')).status).toBe(401);
  });

  it('conformance 53: nobody makes a key that is wider than the own one', async () => {
    const { secret } = await at.house.admin.post<NewKey>(`${of}/keys`, { role: 'org_admin', project: at.house.project, name: 'of one project' });
    const ofOneProject = at.stack.rest(secret);
    await eventually('the gateway to know the key', async () => ((await ofOneProject.send('GET', '/v1/models')).status === 200 ? true : undefined));
    for (const [by, body] of [[at.house.developer, { name: 'a', role: 'developer' }], [at.house.admin, { name: 'a', role: 'platform_admin' }], [ofOneProject, { name: 'a', role: 'developer' }]] as const) {
      expect((await by.send('POST', `${of}/keys`, body)).error).toMatchObject({ code: 'NOT_ALLOWED' });
    }
    expect((await ofOneProject.send('POST', `${of}/keys`, { name: 'a', role: 'developer', project: at.house.project })).status).toBe(201);
    expect((await at.house.admin.send('POST', `/v1/organisations/${at.other.tenant}/keys`, { name: 'a', role: 'developer' })).status).toBe(404);
  });

  it('conformance 54: a webhook without a proper secret, or to an address inside, is not there', async () => {
    for (const secret of ['', 'whsec_', 'whsec_c2hvcnQ=', 'not a secret']) expect((await at.house.admin.send('POST', `${of}/webhooks`, { url: 'https://hook.example/', secret })).status).toBe(400);
    expect((await at.house.admin.send('POST', `${of}/webhooks`, { url: 'http://169.254.169.254/latest' })).error).toMatchObject({ code: 'URL_REFUSED' });
    expect(await at.house.admin.get(`${of}/webhooks`)).toMatchObject({ data: [] });
  });

  it('conformance 55: what was asked is in no label of a metric and in no log', async () => {
    await send({ model: embedding, input: 'the quick brown secret' }, { 'x-mizan-tags': 'sender:hidden@example.org' });
    await send({ model: 'no-such-model-at-all', input: 'the quick brown secret' });
    const seen = `${await metrics()} ${logged()}`;
    for (const text of ['quick brown', 'hidden@example.org', 'no-such-model-at-all']) expect(seen.includes(text)).toBe(false);
  });

  it('conformance 56: a revoked key is refused', async () => {
    const { id, secret } = await at.house.admin.post<NewKey>(`${of}/keys`, { role: 'developer', project: at.house.project, name: 'for a while' });
    const api = at.stack.rest(secret);
    await eventually('the gateway to know the key', async () => ((await api.send('GET', '/v1/models')).status === 200 ? true : undefined));
    await at.house.admin.send('DELETE', `${of}/keys/${id}`);
    await eventually('the key to be refused', async () => ((await api.send('GET', '/v1/models')).status === 401 ? true : undefined), 5_000);
  });

  it('conformance 57: a picture of 10 MB is carried, and others are answered meanwhile', async () => {
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(10_000_000, 7)]);
    const large = client.chat.completions.create({ model: chat, max_tokens: 10, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${png.toString('base64')}` } }] }] });
    for (let n = 0; n < 5; n += 1) await ask();
    expect((await large).object).toBe('chat.completion');
    const carried = at.asked.map(({ body }) => JSON.stringify(body)).find((body) => body.includes('image_url'));
    expect(carried!.length).toBeGreaterThan((png.length * 4) / 3);
  });

  it.each<[string, () => string]>([
    ['a depth of 100,000', () => `{"model":"${embedding}","input":"a","user":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['450,000 keys', () => `{"model":"m",${Array.from({ length: 450_000 }, (_, n) => `"${n.toString(36)}":0`).join(',')}}`],
    ['__proto__', () => '{"__proto__":{"admin":true},"model":"m","input":"a"}'],
  ])('conformance 58: JSON with %s is refused before it is asked what it wants', async (_what, make) => {
    expect((await send(make())).status).toBe(400);
    expect(at.asked).toEqual([]);
  });

  it('conformance 59: an engine that shares prefixes is given a salt of the organisation, whatever the caller says', async () => {
    const saltFor = async (by: OpenAI): Promise<unknown> => {
      const asked = at.next();
      await by.chat.completions.create({ model: chat, messages, cache_salt: 'of my own' } as OpenAI.ChatCompletionCreateParamsNonStreaming);
      return (await asked).body['cache_salt'];
    };
    const [first, again, others] = [await saltFor(client), await saltFor(client), await saltFor(strangers)];
    expect([typeof first, first === again, first === others, first === 'of my own']).toEqual(['string', true, false, false]);
  });

  it('conformance 60: a tool that is named twice is refused, so that none stands in for another', async () => {
    const tool = { type: 'function' as const, function: { name: 'send', parameters: { type: 'object' } } };
    expect(await failed(client.chat.completions.create({ model: chat, messages, tools: [tool, tool] }))).toMatchObject({ status: 400, param: 'tools.1.function.name' });
  });

  it('conformance 62: while nobody takes records from the log, answers go on and no record is lost', async () => {
    at.stack.signal('governance', 'SIGSTOP');
    const records: string[] = [];
    try {
      for (let n = 0; n < 20; n += 1) records.push((await ask().asResponse()).headers.get('x-mizan-record')!);
      await pause(500);
    } finally {
      at.stack.signal('governance', 'SIGCONT');
    }
    for (const record of records) expect((await recordOf(at.house.developer, record)).completed).toMatchObject({ outcome: 'ok' });
  });
});
