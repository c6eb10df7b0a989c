import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { gzipSync } from 'node:zlib';
import { connect } from 'node:net';
import { limits } from '#protocol';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { tenant, uuidOf } from './examples.js';
import { GatewayStack, eventually } from './gateway-harness.js';
import { sendRaw } from './http/raw-http.js';
import type { RawAnswer } from './http/raw-http.js';

const received: NodeJobInput[] = [];
async function embed(job: NodeJobInput): Promise<NodeJobOutput> {
  received.push(job);
  const body = JSON.stringify({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: [0.5] }], model: 'm', usage: { prompt_tokens: 1, total_tokens: 1 } });
  return { status: 200, contentType: 'application/json', body: Buffer.from(body), usage: { inputTokens: 1, outputTokens: 0 } };
}


describe('the edge of the gateway, by raw sockets', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let key: string;
  const logged: unknown[] = [];

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats, { HEADERS_TIMEOUT_MS: '1000', REQUEST_TIMEOUT_MS: '2000' });
    const keep = (...line: unknown[]): void => void logged.push(line.map((part) => (part instanceof Error ? `${part.stack}` : part)));
    stack.gateway.app.useLogger({ log: keep, error: keep, warn: keep, debug: keep, verbose: keep, fatal: keep });
    key = await stack.key('developer');
    await stack.node(1, embed, { model: 'm', capacity: 50 });
    await eventually(async () => (await post({ model: 'm', input: 'a' })).status === 200);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${stack.url}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });
  const head = (method: string, path: string, ...fields: string[]): string => [`${method} ${path} HTTP/1.1`, 'Host: gateway', `Authorization: Bearer ${key}`, ...fields, '', ''].join('\r\n');
  const json = JSON.stringify({ model: 'm', input: 'a' });
  const jsonHead = (...fields: string[]): string => head('POST', '/v1/embeddings', 'Content-Type: application/json', ...fields);
  const errorIn = (answer: RawAnswer): unknown => (JSON.parse(answer.body) as { error: unknown }).error;
  const expectRefusal = (answer: RawAnswer, status: number): void => {
    expect({ status: answer.status, type: /content-type: application\/json/i.test(answer.head), id: /x-request-id: [0-9a-f-]{36}/i.test(answer.head) }).toEqual({ status, type: true, id: true });
    expect(errorIn(answer)).toEqual({ message: expect.any(String), type: 'invalid_request_error', param: answer.status === 415 ? expect.any(String) : null, code: 'REQUEST_INVALID' });
    // One answer, then the end: what was smuggled behind it was never read as a request.
    expect(answer.text.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  };

  describe('conformance 47: what two readers could read in two ways', () => {
    const smuggled = 'GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n';
    it.each<[string, () => string]>([
      ['content-length with transfer-encoding', () => `${jsonHead('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`],
      ['transfer-encoding with content-length', () => `${jsonHead('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n${smuggled}`],
      ['two lengths', () => `${jsonHead(`Content-Length: ${json.length}`, 'Content-Length: 0')}${json}${smuggled}`],
      ['two equal lengths', () => `${jsonHead(`Content-Length: ${json.length}`, `Content-Length: ${json.length}`)}${json}`],
      ['a list of lengths', () => `${jsonHead(`Content-Length: ${json.length}, ${json.length}`)}${json}`],
      ['a folded header', () => jsonHead('X-A: b', ' c: d')],
      ['lines that end in LF only', () => jsonHead().replaceAll('\r\n', '\n')],
      ['one line that ends in LF only', () => jsonHead().replace('Host: gateway\r\n', 'Host: gateway\n')],
      ['a blank before the colon', () => `${jsonHead('Transfer-Encoding : chunked')}0\r\n\r\n`],
      ['an unknown transfer-encoding', () => `${jsonHead('Transfer-Encoding: xchunked')}0\r\n\r\n`],
      ['a NUL in a header', () => jsonHead('X-A: a\0b')],
      ['a bare CR in a header', () => jsonHead('X-A: a\rb')],
      ['a chunk size that ends in LF only', () => `${jsonHead('Transfer-Encoding: chunked')}1\n{\r\n0\r\n\r\n${smuggled}`],
      ['no HTTP at all', () => 'hello\r\n\r\n'],
    ])('%s gets 400 and the connection ends', async (_what, bytes) => expectRefusal(await sendRaw(stack.url, bytes()), 400));

    it.each<[string, () => string]>([
      ['gzip inside chunked', () => `${jsonHead('Transfer-Encoding: gzip, chunked', 'Connection: close')}0\r\n\r\n`],
      ['two hosts', () => jsonHead('Host: other', 'Content-Length: 0', 'Connection: close')],
      ['two keys', () => jsonHead('Authorization: Bearer mzn_other', 'Content-Length: 0', 'Connection: close')],
      ['no host', () => jsonHead('Content-Length: 0', 'Connection: close').replace('Host: gateway\r\n', '')],
      ['chunks in HTTP/1.0', () => `${jsonHead('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')}0\r\n\r\n`],
    ])('%s gets 400', async (_what, bytes) => expectRefusal(await sendRaw(stack.url, bytes()), 400));
  });

  it('conformance 46: a forged host, doubled slashes, semicolons and encoded dots lead no one past the key or to another route', async () => {
    const close = 'Connection: close';
    const without = (path: string, ...fields: string[]): Promise<RawAnswer> => sendRaw(stack.url, [`GET ${path} HTTP/1.1`, ...fields, close, '', ''].join('\r\n'));
    const statuses = async (paths: string[]): Promise<number[]> => (await Promise.all(paths.map((path) => without(path, 'Host: gateway')))).map(({ status }) => status);
    // Every spelling that is the route asks for the key, every other is no route: none is open.
    expect(await statuses(['/v1/models', '/v1/%6dodels', '/v1/models?x=;/healthz', 'http://evil/v1/models'])).toEqual([401, 401, 401, 401]);
    expect(await statuses(['//v1/models', '/v1//models', '/v1/./models', '/openapi.json/../v1/models', '/openapi.json/%2e%2e/v1/models', '/healthz;/v1/models', '/v1/models;x=1/y'])).toEqual(Array.from({ length: 7 }, () => 404));
    // `;` and `%2e` are letters of a model's name, nothing else.
    const authorised = await Promise.all(['/v1/models;a', '/v1/models/%2e%2e', '/v1/models/m;x', '/V1/models'].map((path) => sendRaw(stack.url, head('GET', path, close))));
    expect(authorised.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    for (const host of ['localhost', '127.0.0.1', 'gateway.internal', '@evil', 'evil/v1/models?']) expect((await without('/v1/models', `Host: ${host}`)).status).toBe(401);
  });

  it('conformance 48: headers that name a tenant, a route or another hop change nothing and go nowhere', async () => {
    const internal = { 'x-tenant-id': uuidOf(77), 'x-mizan-tenant': uuidOf(77), 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'evil', 'x-forwarded-user': 'admin', 'x-original-url': '/healthz', 'x-rewrite-url': '/v1/nodes', 'x-http-method-override': 'DELETE', 'proxy-authorization': 'Basic abcdef', te: 'trailers' };
    received.length = 0;
    const response = await post({ model: 'm', input: 'a' }, internal);
    expect(response.status).toBe(200);
    // A node is given the body, and of the request's head nothing.
    expect(received).toHaveLength(1);
    expect(JSON.parse(received[0]!.body.toString())).toEqual({ model: 'm', input: 'a' });
    const seen = JSON.stringify(received, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
    for (const value of [uuidOf(77), 'evil', 'abcdef', key.slice(4, 20)]) expect(seen).not.toContain(value);
    await eventually(() => stack.records.some(({ id, type }) => id === response.headers.get('x-mizan-record') && type === 'completed'));
    expect(stack.records.find(({ id }) => id === response.headers.get('x-mizan-record'))!.facts).toMatchObject({ tenant: tenant.tenant });
  });

  describe('conformance 58: JSON that costs more than its bytes', () => {
    const nested = (depth: number): string => `{"model":"m","input":"a","user":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    it.each<[string, () => string, number]>([
      ['a depth of 100,000', () => nested(100_000), 400],
      ['a depth of 129 in a field that is not ours', () => nested(129), 400],
      ['objects nested 100,000 deep', () => `{"model":"m","input":"a","tools":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`, 400],
      ['450,000 keys', () => `{"model":"m",${Array.from({ length: 450_000 }, (_, n) => `"${n.toString(36)}":0`).join(',')}}`, 400],
      ['1,000,000 keys', () => `{"model":"m",${Array.from({ length: 1_000_000 }, (_, n) => `"${n.toString(36)}":0`).join(',')}}`, 413],
      ['a million empty arrays', () => `{"model":"m","input":[${Array.from({ length: 1_000_000 }, () => '[]').join(',')}]}`, 400],
      ['__proto__', () => '{"__proto__":{"admin":true},"model":"m","input":"a"}', 400],
      ['__proto__ deep inside', () => '{"model":"m","input":"a","tools":[{"a":{"__proto__":{"admin":true}}}]}', 400],
      ['constructor.prototype', () => '{"constructor":{"prototype":{"admin":true}},"model":"m","input":"a"}', 400],
    ])('%s is refused in little time', async (_what, make, status) => {
      const body = make();
      const cpu = process.cpuUsage();
      const response = await post(body);
      const { user, system } = process.cpuUsage(cpu);
      expect(response.status).toBe(status);
      expect(await response.json()).toHaveProperty('error.code');
      expect(Object.prototype).not.toHaveProperty('admin');
      // 50 ms is the aim; client and server share this process, with a compiler that may still be at work.
      expect((user + system) / 1_000).toBeLessThan(2_000);
    });
  });

  describe('bad input that takes time or room', () => {
    it('slow headers get 408 in the shape of all errors', async () => {
      const startedMs = Date.now();
      const answer = await sendRaw(stack.url, 'POST /v1/embeddings HTTP/1.1\r\nHost: gateway\r\nX-A: ');
      expectRefusal(answer, 408);
      expect(Date.now() - startedMs).toBeLessThan(15_000);
    });

    it('a slow body gets 408, and others are served meanwhile', async () => {
      const slow = sendRaw(stack.url, `${jsonHead('Content-Length: 1000')}{"model"`, 10_000);
      expect((await post({ model: 'm', input: 'a' })).status).toBe(200);
      expectRefusal(await slow, 408);
    });

    it('a flood of header bytes gets 431, and so does a flood of small headers', async () => {
      expectRefusal(await sendRaw(stack.url, head('GET', '/v1/models', `X-A: ${'a'.repeat(20_000)}`)), 431);
      expectRefusal(await sendRaw(stack.url, head('GET', '/v1/models', ...Array.from({ length: 2_500 }, () => 'a:'), 'Connection: close')), 431);
      expectRefusal(await sendRaw(stack.url, head('GET', '/v1/models', ...Array.from({ length: 101 }, (_, n) => `x-${n}: 1`), 'Connection: close')), 431);
    });

    it('conformance 4: a body over the limit gets 413 before it was sent', async () => {
      const startedMs = Date.now();
      const answer = await sendRaw(stack.url, jsonHead(`Content-Length: ${100 * 1024 * 1024}`));
      expect(answer.status).toBe(413);
      expect(errorIn(answer)).toMatchObject({ code: 'BODY_TOO_LARGE', type: 'invalid_request_error', param: null });
      expect(Date.now() - startedMs).toBeLessThan(15_000);
    });

    it('100 MB in chunks take no memory that grows with them', async () => {
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x61), Buffer.from('\r\n')]);
      const before = process.memoryUsage().rss;
      let mostRss = before;
      const all = function* (): Iterable<Buffer> {
        yield Buffer.from(jsonHead('Transfer-Encoding: chunked'));
        for (let n = 0; n < 1_600; n += 1) {
          mostRss = Math.max(mostRss, process.memoryUsage().rss);
          yield chunk;
        }
        yield Buffer.from('0\r\n\r\n');
      };
      const answer = await sendRaw(stack.url, all(), 15_000);
      // The answer may be lost in the reset that ends what is still being sent.
      expect([413, 0]).toContain(answer.status);
      expect(mostRss - before).toBeLessThan(48 * 1024 * 1024);
      expect((await post({ model: 'm', input: 'a' })).status).toBe(200);
    });

    it('a gzip bomb is not opened: 415', async () => {
      const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
      for (const encoding of ['gzip', 'br', 'deflate', 'gzip, gzip']) {
        const answer = await sendRaw(stack.url, Buffer.concat([Buffer.from(jsonHead(`Content-Encoding: ${encoding}`, `Content-Length: ${bomb.length}`, 'Connection: close')), bomb]));
        expectRefusal(answer, 415);
      }
    });

    it('broken multipart and forms get 415 on endpoints that take JSON', async () => {
      for (const [type, body] of [['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="a'], ['multipart/form-data', ''], ['application/x-www-form-urlencoded', 'model=m&input=a']] as const) {
        const response = await post(body, { 'content-type': type });
        expect({ status: response.status, ...((await response.json()) as { error: { code: string } }).error }).toMatchObject({ status: 415, code: 'REQUEST_INVALID' });
      }
    });

    it('a connection that sends nothing, or half a request and goes, leaves nothing behind', async () => {
      for (const bytes of ['', 'GET', jsonHead('Content-Length: 100'), `${jsonHead('Content-Length: 100')}{`]) {
        const socket = connect(Number(new URL(stack.url).port), '127.0.0.1');
        await new Promise((resolve) => socket.write(bytes === '' ? '\r\n' : bytes, resolve));
        socket.resetAndDestroy();
      }
      expect((await post({ model: 'm', input: 'a' })).status).toBe(200);
    });
  });

  it('conformance 57: ten images of 10 MB that are none are refused and others are hardly delayed', async () => {
    const image = `data:image/png;base64,${'A'.repeat(10 * 1024 * 1024)}`;
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: image } }] }] });
    const images = Promise.all(Array.from({ length: 10 }, () => fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body }).then(({ status }) => status, () => 0)));
    const delays: number[] = [];
    for (let n = 0; n < 30; n += 1) {
      const startedMs = performance.now();
      expect((await post({ model: 'm', input: 'a' })).status).toBe(200);
      delays.push(performance.now() - startedMs);
    }
    // On a slow machine they do not arrive in time.
    expect((await images).filter((status) => ![400, 408, 0].includes(status))).toEqual([]);
    // Those who send the images share this process: whatever one of these waits for is not the gateway's alone.
    expect(delays.sort((a, b) => a - b)[15]).toBeLessThan(5_000);
  });

  it.each(['http://169.254.169.254/latest/meta-data', 'http://[::1]/', 'http://2130706433/', 'http:\\\\evil', 'file:///etc/passwd'])('conformance 49: no address inside is ever fetched for a message: %s', async (url) => {
    const content = [{ type: 'image_url', image_url: { url } }];
    const response = await fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }) });
    expect([400, 404]).toContain(response.status);
  });

  it('conformance 44: neither a key, its hash nor its end is in a 401 or in a log', async () => {
    const wrong = `mzn_${'Zq7'.repeat(14)}TAIL`;
    const answers = await Promise.all([
      fetch(`${stack.url}/v1/models`, { headers: { authorization: `Bearer ${wrong}` } }),
      fetch(`${stack.url}/v1/models`, { headers: { authorization: wrong } }),
      fetch(`${stack.url}/v1/models?api_key=${wrong}`),
      fetch(`${stack.url}/v1/models/${wrong}`, { headers: { authorization: `Bearer ${wrong}` } }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    const told = (await Promise.all(answers.map(async (answer) => `${[...answer.headers].join()} ${await answer.text()}`))).join();
    // A request of ours that fails for no fault of the caller's is logged with its stack.
    await fetch(`${stack.url}/v1/offers`, { headers: { authorization: `Bearer ${key}` } });
    new Logger('edge').error('a line that is logged');
    expect(JSON.stringify(logged)).toContain('a line that is logged');
    const metrics = await (await fetch(`${stack.gateway.operationsUrl}/metrics`)).text();
    const everything = `${told} ${JSON.stringify(logged)} ${metrics}`;
    for (const secret of [wrong, 'Zq7Zq7', 'TAIL', key, key.slice(-12)]) expect(everything).not.toContain(secret);
  });

  it.each(["mzn_' OR 1=1 --aaaaaaaaaaaaaa", 'mzn_%%%%%%%%%%%%%%%%%%%%%%%%', 'mzn_________________________', 'mzn_*aaaaaaaaaaaaaaaaaaaaaaa', 'mzn_.>aaaaaaaaaaaaaaaaaaaaaa'])('conformance 51: metacharacters in a key find nothing: %s', async (wrong) => {
    expect((await fetch(`${stack.url}/v1/models`, { headers: { authorization: `Bearer ${wrong}` } })).status).toBe(401);
  });

  it('conformance 55: what was asked is in no label of a metric and in no log', async () => {
    await post({ model: 'm', input: 'the quick brown secret' }, { 'x-mizan-tags': 'sender:hidden@example.org' });
    await post({ model: 'no-such-model-at-all', input: 'the quick brown secret' });
    const seen = `${await (await fetch(`${stack.gateway.operationsUrl}/metrics`)).text()} ${JSON.stringify(logged)}`;
    for (const text of ['quick brown', 'hidden@example.org', 'no-such-model-at-all']) expect(seen).not.toContain(text);
  });

  it('conformance 4: a body of exactly the limit is read, one byte more is not', async () => {
    const padded = (bytes: number): string => {
      const start = '{"model":"m","input":"a","user":"';
      return `${start}${'u'.repeat(bytes - start.length - 2)}"}`;
    };
    expect((await post(padded(limits.bodyBytesMax + 1))).status).toBe(413);
    expect((await post(padded(limits.bodyBytesMax))).status).not.toBe(413);
  });
});
