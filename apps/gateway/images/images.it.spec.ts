import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { permitAll, uuidOf } from '../examples.js';
import { eventually, GatewayStack } from '../gateway-harness.js';

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('the rest of a picture')]);
const dataUrl = `data:image/png;base64,${png.toString('base64')}`;


describe('images in messages', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let client: OpenAI;
  let server: Server;
  let url: string;
  const fetched: string[] = [];
  const jobs: { messages: { content: { image_url?: { url: string } }[] }[] }[] = [];

  async function see({ body }: NodeJobInput): Promise<NodeJobOutput> {
    jobs.push(JSON.parse(body.toString()) as (typeof jobs)[number]);
    const answer = { id: 'c', object: 'chat.completion', created: 1, model: 'sees', choices: [{ index: 0, message: { role: 'assistant', content: 'a cat' }, finish_reason: 'stop' }], usage: { prompt_tokens: 900, completion_tokens: 2, total_tokens: 902 } };
    return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 900, outputTokens: 2 } };
  }

  beforeAll(async () => {
    server = createServer((request, response) => {
      fetched.push(request.url!);
      if (request.url === '/inside') response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
      else response.writeHead(200, { 'content-type': 'image/png' }).end(request.url === '/fake' ? 'not a picture' : png);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    nats = await testNats();
    stack = await GatewayStack.start(nats, { OUTBOUND_ALLOW: '127.0.0.1/32' });
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: await stack.key('developer'), maxRetries: 0 });
    await stack.node(1, see, { model: 'sees', endpoints: ['chat.completions'], capacity: 50 });
    await stack.node(2, async () => ({ status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: [1] }], model: 'e', usage: { prompt_tokens: 1, total_tokens: 1 } })), usage: { inputTokens: 1, outputTokens: 0 } }), { model: 'e', capacity: 50 });
    await eventually(async () => (await client.models.list()).data.length === 2);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
    server?.closeAllConnections();
    server?.close();
  });

  const ask = (image: string, text = 'what is this?') =>
    client.chat.completions.create({ model: 'sees', max_tokens: 10, messages: [{ role: 'user', content: [{ type: 'text', text }, { type: 'image_url', image_url: { url: image } }] }] });
  const seen = (): string | undefined => jobs.at(-1)?.messages[0]?.content[1]?.image_url?.url;

  it('reach the machine as bytes: what was sent as bytes, and what a URL led to', async () => {
    await ask(dataUrl);
    expect(seen()).toBe(dataUrl);
    const answer = await ask(`${url}/cat.png`);
    expect(seen()).toBe(dataUrl);
    expect(answer.choices[0]?.message.content).toBe('a cat');
  });

  it('reach it through the newer form too', async () => {
    await client.responses.create({ model: 'sees', max_output_tokens: 10, input: [{ role: 'user', content: [{ type: 'input_text', text: 'what?' }, { type: 'input_image', image_url: dataUrl, detail: 'auto' }] }] });
    expect(seen()).toBe(dataUrl);
  });

  it('conformance 49: what would lead inside is refused, and nothing runs', async () => {
    const before = [jobs.length, stack.records.length];
    const inside = [
      'http://169.254.169.254/latest/meta-data', 'http://[::1]:80/', 'http://2130706434/', 'http://0x7f000002/', 'http://10.0.0.1/a.png', 'http://metadata.internal/', 'http://public.example\\@127.0.0.1/',
      `http://user@127.0.0.1:1/`, 'file:///etc/passwd', `${url}/inside`,
    ];
    for (const image of inside) await expect(ask(image)).rejects.toMatchObject({ status: 400, code: 'URL_REFUSED' });
    expect([jobs.length, stack.records.length]).toEqual(before);
  });

  it('are not fetched for a request that may not run: by policy, by a limit, for want of money or of a key', async () => {
    const before = fetched.length;
    const image = `${url}/never.png`;
    await stack.policy(`${permitAll} forbid(principal, action, resource);`, 2);
    await expect(ask(image)).rejects.toMatchObject({ status: 403, code: 'POLICY_DENIED' });
    await stack.policy(permitAll, 3);
    await stack.limit('project', uuidOf(3), { tokensPerMinute: 1 });
    await expect(ask(image)).rejects.toMatchObject({ status: 429 });
    await stack.unlimit(uuidOf(3));
    await expect(new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: `mzn_${'y'.repeat(40)}`, maxRetries: 0 }).chat.completions.create({ model: 'sees', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: image } }] }] })).rejects.toMatchObject({ status: 401 });
    await expect(ask(image, 'x'.repeat(5_000_000))).rejects.toMatchObject({ status: 413 });
    expect(fetched.length).toBe(before);
  });

  it('are fetched once for all models that a name stands for, and beside those that were sent as bytes', async () => {
    const image = `${url}/once.png`;
    await stack.node(3, () => Promise.reject(new Error('out of order')), { model: 'blind', endpoints: ['chat.completions'], capacity: 50 });
    await stack.aliases([{ alias: 'eyes', models: ['blind', 'sees'] }]);
    const part = (of: string) => ({ type: 'image_url' as const, image_url: { url: of } });
    await client.chat.completions.create({ model: 'eyes', max_tokens: 10, messages: [{ role: 'user', content: [part(dataUrl), part(image), part(image)] }] });
    expect(jobs.at(-1)?.messages[0]?.content.map(({ image_url: shown }) => shown?.url)).toEqual([dataUrl, dataUrl, dataUrl]);
    expect(fetched.filter((path) => path === '/once.png')).toHaveLength(1);
  });

  it('are refused when they are none, by their first bytes and not by what is claimed', async () => {
    for (const image of [`${url}/fake`, `data:image/png;base64,${Buffer.from('no picture').toString('base64')}`, 'data:text/html;base64,PGI+', 'data:image/png,raw', `data:image/png;base64,${'!'.repeat(400)}`])
      await expect(ask(image)).rejects.toMatchObject({ status: 400 });
  });

  it('do not hide what is written beside them', async () => {
    await ask(dataUrl, 'my card is 4111 1111 1111 1111');
    const record = stack.records.findLast(({ type }) => type === 'admitted');
    expect(record?.facts).toMatchObject({ dataClass: 'confidential' });
  });

  it('conformance 57: 10 MB of image go through, and others are answered meanwhile', async () => {
    const big = `data:image/png;base64,${Buffer.concat([png, Buffer.alloc(10_000_000)]).toString('base64')}`;
    const embed = async (): Promise<number> => {
      const from = performance.now();
      await client.embeddings.create({ model: 'e', input: 'a' });
      return performance.now() - from;
    };
    await embed();
    const large = ask(big);
    const times: number[] = [];
    let done = false;
    void large.finally(() => (done = true)).catch(() => undefined);
    while (!done || times.length === 0) times.push(await embed());
    expect((await large).choices[0]?.message.content).toBe('a cat');
    expect(seen()).toHaveLength(big.length);
    // Parsing, hashing and sealing 13 MB take a tenth of a second each at most; a shared machine gets ten times that.
    expect(Math.max(...times)).toBeLessThan(20_000);
    await expect(ask(`data:image/png;base64,${Buffer.concat([png, Buffer.alloc(10_500_000)]).toString('base64')}`)).rejects.toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    await expect(ask('x'.repeat(17_000_000))).rejects.toMatchObject({ status: 413 });
    await expect(ask(dataUrl, 'x'.repeat(5_000_000))).rejects.toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' });
  });
});
