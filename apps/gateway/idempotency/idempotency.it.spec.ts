import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { RunningService } from '#service';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobHandler, NodeJobInput, NodeJobOutput } from '#wire';
import { eventually, GatewayStack } from '../gateway-harness.js';

describe('conformance 37: a request with an Idempotency-Key', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let second: RunningService;
  let key: string;
  let runs = 0;
  let hold: Promise<void> | undefined;

  async function embed({ body }: NodeJobInput): Promise<NodeJobOutput> {
    runs += 1;
    const mine = runs;
    const { input } = JSON.parse(body.toString()) as { input: string };
    await hold;
    if (input === 'fails') return { status: 422, contentType: 'application/json', body: Buffer.from(JSON.stringify({ error: { message: 'no', type: 'invalid_request_error', param: null, code: null } })), usage: { inputTokens: 0, outputTokens: 0 } };
    const answer = { object: 'list', data: [{ object: 'embedding', index: 0, embedding: [mine] }], model: 'm', usage: { prompt_tokens: 1, total_tokens: 1 } };
    return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 1, outputTokens: 0 } };
  }

  /** Says nothing until it is told to stop, and then what it had made. */
  const talks: NodeJobHandler = async (_job, signal) => {
    runs += 1;
    async function* bytes(): AsyncGenerator<Buffer> {
      yield await new Promise<Buffer>((resolve) => signal.addEventListener('abort', () => resolve(Buffer.alloc(0)), { once: true }));
    }
    const usage = new Promise<{ inputTokens: number; outputTokens: number }>((resolve) => signal.addEventListener('abort', () => resolve({ inputTokens: 5, outputTokens: 3 }), { once: true }));
    return { status: 200, contentType: 'application/json', body: bytes(), usage };
  };

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    key = await stack.key('developer');
    await stack.node(1, embed, { model: 'm', capacity: 50 });
    await stack.node(2, talks, { model: 'talks', endpoints: ['chat.completions'], capacity: 50 });
    second = await stack.another();
    await eventually(async () => (await fetch(`${stack.url}/v1/models/talks`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
    for (const url of [stack.url, second.url]) await eventually(async () => (await fetch(`${url}/v1/models/m`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  const ask = (name: string, input = 'a', url = stack.url, as = key) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: as, maxRetries: 0 }).embeddings.create({ model: 'm', input, encoding_format: 'float' }, { headers: { 'Idempotency-Key': name } }).withResponse();
  const charged = (): number => stack.records.filter(({ type }) => type === 'completed').length;

  it('runs and is charged once; asked again, at whichever gateway, it is answered as before', async () => {
    const [ran, paid] = [runs, charged()];
    const first = await ask('one');
    for (const url of [stack.url, second.url]) {
      const again = await ask('one', 'a', url);
      expect(again.data).toEqual(first.data);
      expect([again.response.headers.get('x-mizan-record'), again.response.headers.get('idempotency-replayed')]).toEqual([first.response.headers.get('x-mizan-record'), 'true']);
    }
    await eventually(() => charged() === paid + 1);
    expect(runs).toBe(ran + 1);
  });

  it('may not be another request', async () => {
    await ask('two');
    await expect(ask('two', 'b', second.url)).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('is told to wait while it runs; of many at once one runs', async () => {
    const ran = runs;
    let release!: () => void;
    hold = new Promise((resolve) => (release = resolve));
    const many = Array.from({ length: 8 }, (_, n) => ask('three', 'a', n % 2 === 0 ? stack.url : second.url));
    await eventually(async () => (await Promise.race([Promise.allSettled(many.map((one) => one.catch(() => undefined))), new Promise((resolve) => setTimeout(resolve, 200))]), runs === ran + 1));
    await expect(ask('three')).rejects.toMatchObject({ status: 409, code: 'CONFLICT' });
    release();
    hold = undefined;
    const outcomes = await Promise.allSettled(many);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(runs).toBe(ran + 1);
    expect((await ask('three')).response.headers.get('idempotency-replayed')).toBe('true');
  });

  it('that failed may be asked again', async () => {
    await expect(ask('four', 'fails')).rejects.toMatchObject({ status: 422 });
    const ran = runs;
    await expect(ask('four', 'fails')).rejects.toMatchObject({ status: 422 });
    expect(runs).toBe(ran + 1);
  });

  it('is answered as before however its key is written', async () => {
    const send = async (authorization: string): Promise<[number, string | null]> => {
      const response = await fetch(`${stack.url}/v1/embeddings`, { method: 'POST', headers: { authorization, 'content-type': 'application/json', 'idempotency-key': 'spelt' }, body: JSON.stringify({ model: 'm', input: 'a' }) });
      await response.text();
      return [response.status, response.headers.get('idempotency-replayed')];
    };
    expect(await send(`Bearer ${key}`)).toEqual([200, null]);
    for (const spelt of [`bearer ${key}`, `BEARER   ${key}`]) expect(await send(spelt)).toEqual([200, 'true']);
  });

  it('that was charged without an answer is not run again: who asks is told which record says so', async () => {
    const leaving = new AbortController();
    const ran = runs;
    const talk = (signal?: AbortSignal): Promise<Response> =>
      fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'left' }, body: JSON.stringify({ model: 'talks', messages: [{ role: 'user', content: 'a' }] }), ...(signal && { signal }) });
    const first = talk(leaving.signal).catch(() => undefined);
    await eventually(() => runs === ran + 1);
    leaving.abort();
    await first;
    const charge = () => stack.records.flatMap(({ facts }) => (facts?.kind === 'completed' && facts.outcome === 'cancelled' ? [facts] : [])).at(-1);
    await eventually(() => charge() !== undefined);
    expect(charge()!.chargeNanos).toBeGreaterThan(0n);
    let again = await talk();
    // The claim is written when the charge is in the log.
    await eventually(async () => again.headers.get('x-should-retry') === 'false' || ((again = await talk()), false));
    expect([again.status, again.headers.get('x-mizan-record'), await again.json()]).toEqual([409, charge()!.record, { error: expect.objectContaining({ code: 'CONFLICT' }) as object }]);
    expect(runs).toBe(ran + 1);
  });

  it('is the own one of each key: another key’s of the same name is another request', async () => {
    const ran = runs;
    await ask('five');
    await ask('five', 'b', stack.url, await stack.key('another', 'developer', undefined, 5));
    expect(runs).toBe(ran + 2);
  });

  it('has a name that a header can hold', async () => {
    for (const name of ['', 'a b', 'x'.repeat(256)]) await expect(ask(name)).rejects.toMatchObject({ status: 400, code: 'HEADER_INVALID' });
  });

  it('leaves nothing on the bus that could be read', async () => {
    await ask('six', 'an uncommon word');
    const { data } = await ask('six', 'an uncommon word');
    expect(data.data[0]?.embedding).toHaveLength(1);
    expect(JSON.stringify(await stack.bucket('claims'))).not.toMatch(/uncommon|embedding|six/);
  });
});
