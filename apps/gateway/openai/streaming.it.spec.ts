import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { CompletedFacts } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { JobUsage, NodeJobHandler } from '#wire';
import { gatewayConfig } from '../config.js';
import { uuidOf } from '../examples.js';
import { eventually, GatewayStack } from '../gateway-harness.js';

/** Client, gateway and machine share one process here, at times a busy one; how soon it is on a quiet one is a row of bench:gateway. */
const promptMs = 2_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const about = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'm' };
const chunk = (delta: object, more: object = {}): object => ({ ...about, choices: [{ index: 0, delta, finish_reason: null }], ...more });
const event = (value: object, newline = '\n'): string => `data: ${JSON.stringify(value)}${newline}${newline}`;
const done = 'data: [DONE]\n\n';
const upstreamUsage = event({ ...about, choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 } });

/** What an engine was seen to do. */
interface Seen {
  bodies: Record<string, unknown>[];
  yielded: number;
  abortedAtMs: number | undefined;
}

/** A machine whose engine streams pieces; its usage is 5 tokens in and one out for each piece, 3 at the end unless told otherwise. */
function machine(pieces: (seen: Seen) => AsyncIterable<string | Buffer> | Iterable<string | Buffer>, usage: JobUsage | ((seen: Seen) => JobUsage) = { inputTokens: 5, outputTokens: 3 }): { handler: NodeJobHandler; seen: Seen } {
  const seen: Seen = { bodies: [], yielded: 0, abortedAtMs: undefined };
  const handler: NodeJobHandler = async ({ body }, signal) => {
    seen.bodies.push(JSON.parse(body.toString()) as Record<string, unknown>);
    let settle!: (usage: JobUsage) => void;
    const used = new Promise<JobUsage>((resolve) => (settle = resolve));
    const end = (): void => settle(typeof usage === 'function' ? usage(seen) : usage);
    signal.addEventListener('abort', () => {
      seen.abortedAtMs ??= performance.now();
      end();
    });
    async function* bytes(): AsyncGenerator<Buffer> {
      for await (const piece of pieces(seen)) {
        if (signal.aborted) return;
        seen.yielded += 1;
        yield Buffer.from(piece);
      }
      end();
    }
    return { status: 200, contentType: 'text/event-stream', body: bytes(), usage: used };
  };
  return { handler, seen };
}

describe('streams through the gateway', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let key: string;
  let client: OpenAI;
  let machines = 0x20;
  const messages = [{ role: 'user' as const, content: 'Weigh this.' }];

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats, { STREAM_COMMENT_MS: '150', FIRST_EVENT_MS: '3000' });
    key = await stack.key('developer');
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: key, maxRetries: 0 });
  });
  afterAll(async () => {
    await stack.stop();
    await nats.stop();
  });

  /** Puts machines on the market for a model of their own, the cheapest first; gives the model's name. */
  async function offer(...handlers: NodeJobHandler[]): Promise<string> {
    const model = `model-${machines}`;
    for (const [index, handler] of handlers.entries()) {
      machines += 1;
      await stack.node(machines, handler, { model, endpoints: ['chat.completions', 'completions'], capacity: 20 }, 10_000_000n * BigInt(index + 1));
    }
    return model;
  }
  const text = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> => {
    let all = '';
    for await (const { choices } of stream) all += choices[0]?.delta.content ?? '';
    return all;
  };
  const post = (model: string, body: object = {}, signal?: AbortSignal): Promise<Response> =>
    fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model, messages, stream: true, ...body }), signal: signal ?? null });
  async function completed(record: string | null): Promise<CompletedFacts> {
    await eventually(() => stack.records.some(({ id, type }) => id === record && type === 'completed'));
    return stack.records.find(({ id, type }) => id === record && type === 'completed')!.facts as CompletedFacts;
  }
  const completedWith = async (match: (facts: CompletedFacts) => boolean): Promise<CompletedFacts> => {
    const found = (): CompletedFacts | undefined => stack.records.map(({ facts }) => facts).find((facts): facts is CompletedFacts => facts?.kind === 'completed' && match(facts));
    await eventually(() => found() !== undefined);
    return found()!;
  };

  it('comes to the official client piece by piece, recorded on both sides of it, charged by the engine’s usage', async () => {
    let goOn!: () => void;
    const isSeen = new Promise<void>((resolve) => (goOn = resolve));
    const { handler } = machine(async function* () {
      yield event(chunk({ role: 'assistant', content: 'The ' }));
      await isSeen;
      yield event(chunk({ content: 'scales.' }, { choices: [{ index: 0, delta: { content: 'scales.' }, finish_reason: 'stop' }] }));
      yield upstreamUsage + done;
    });
    const { data: stream, response } = await client.chat.completions.create({ model: await offer(handler), messages, stream: true }).withResponse();
    const record = response.headers.get('x-mizan-record')!;
    expect(record).toBe(response.headers.get('x-request-id'));
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    await eventually(() => stack.records.some(({ id, type }) => id === record && type === 'admitted'));
    expect(stack.records.some(({ id, type }) => id === record && type === 'completed')).toBe(false);
    goOn();
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const each of stream) chunks.push(each);
    expect(chunks.map(({ choices }) => choices[0]!.delta.content)).toEqual(['The ', 'scales.']);
    expect(await completed(record)).toMatchObject({ outcome: 'ok', usage: { inputTokens: 5, outputTokens: 3 }, usageSource: 'engine', chargeNanos: 50n, closedBy: 'gateway', attempts: [{ outcome: 'ok' }] });
    expect((await completed(record)).receipt).not.toBeNull();
  });

  it('streams completions too', async () => {
    const { handler, seen } = machine(() => [event({ id: 'cmpl-1', object: 'text_completion', created: 1, model: 'm', choices: [{ index: 0, text: ' upon', finish_reason: null }] }), done]);
    const stream = await client.completions.create({ model: await offer(handler), prompt: 'Once', stream: true, stream_options: { include_usage: true } });
    const chunks: OpenAI.Completion[] = [];
    for await (const each of stream) chunks.push(each);
    expect(chunks[0]).toMatchObject({ object: 'text_completion', choices: [{ text: ' upon' }] });
    expect(chunks[1]).toMatchObject({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 3 } });
    expect(seen.bodies[0]).toMatchObject({ prompt: 'Once', max_tokens: 16, stream_options: { include_usage: true } });
  });

  it('conformance 10: takes content:null with tool_calls, and gives it back', async () => {
    const call = { id: 'c', type: 'function' as const, function: { name: 'f', arguments: '{}' } };
    const answer = { ...about, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }], usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 } };
    const bodies: unknown[] = [];
    const model = await offer(async ({ body }) => (bodies.push(JSON.parse(body.toString())), { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 5, outputTokens: 3 } }));
    const history = [...messages, { role: 'assistant' as const, content: null, tool_calls: [call] }, { role: 'tool' as const, tool_call_id: 'c', content: '7' }];
    const given = await client.chat.completions.create({ model, messages: history, tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] });
    expect(given.choices[0]!.message).toEqual({ role: 'assistant', content: null, tool_calls: [call] });
    expect(bodies[0]).toMatchObject({ messages: history, tools: [{ function: { name: 'f' } }] });
  });

  it('conformance 11: hands n, tools, logprobs and fields it does not know to the engine untouched', async () => {
    const { handler, seen } = machine(() => [event(chunk({ content: 'x' })), done]);
    const more = { n: 2, logprobs: true, top_logprobs: 3, tools: [{ type: 'function', function: { name: 'f' } }], response_format: { type: 'json_schema', json_schema: { name: 's', schema: {} } }, odd_field: { deep: [1, null] } };
    await (await post(await offer(handler), more)).text();
    expect(seen.bodies[0]).toMatchObject(more);
  });

  it('conformance 17: gives CJK and emoji back byte for byte when the stream is cut at every byte', async () => {
    const words = ['天秤は', '嘘を', 'つかない👩‍⚖️', ' ميزان', '🇸🇦👍🏽'];
    const bytes = Buffer.from(words.map((content) => event(chunk({ content }))).join('') + done);
    const { handler } = machine(() => Array.from(bytes, (byte) => Buffer.from([byte])));
    const model = await offer(handler);
    expect(await text(await client.chat.completions.create({ model, messages, stream: true }))).toBe(words.join(''));
    // On a busy machine the short silence of these tests may come about in between.
    expect((await (await post(model)).text()).replaceAll(': still here\n\n', '')).toBe(bytes.toString());
  });

  it('conformance 18: reads CRLF and CR from the engine, comments and names of events with them', async () => {
    const { handler } = machine(() => [`: hi\r\nevent: x\r\nid: 4\r\n${event(chunk({ content: 'a' }), '\r\n')}`, event(chunk({ content: 'b' }), '\r'), 'data: [DONE]\r\n\r\n']);
    const model = await offer(handler);
    expect(await text(await client.chat.completions.create({ model, messages, stream: true }))).toBe('ab');
    expect(await (await post(model)).text()).not.toMatch(/\r|^id:|^event:/m);
  });

  it('conformance 19: sends a comment at least every 15 s of silence, and stays open', async () => {
    expect(gatewayConfig.parse({ KEY_PEPPER: 'x'.repeat(16) }).STREAM_COMMENT_MS).toBe(15_000);
    // Here every 150 ms: a silence of 1.2 s stands for 120 s.
    const { handler } = machine(async function* () {
      yield event(chunk({ content: 'a' }));
      await pause(1_200);
      yield event(chunk({ content: 'b' })) + done;
    });
    const model = await offer(handler);
    const whole = await (await post(model)).text();
    expect(whole.match(/^: /gm)!.length).toBeGreaterThanOrEqual(5);
    expect(await text(await client.chat.completions.create({ model, messages, stream: true }))).toBe('ab');
  });

  it('conformance 20: tells of an engine that stops before [DONE] by an error event, records it as cut, and charges what came', async () => {
    const { handler } = machine(() => [event(chunk({ content: 'two ' })), event(chunk({ content: 'words' }))]);
    const model = await offer(handler);
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    await expect(text(stream)).rejects.toThrow(OpenAI.APIError);
    const response = await post(model);
    const body = await response.text();
    expect(body).toContain('"code":"ENGINE_FAILED"');
    expect(body).not.toContain('[DONE]');
    expect(await completed(response.headers.get('x-mizan-record'))).toMatchObject({ outcome: 'cut', usage: { inputTokens: 5, outputTokens: 3 }, usageSource: 'engine', chargeNanos: 50n, attempts: [{ outcome: 'failed', code: 'ENGINE_FAILED' }] });
  });

  it('conformance 21: never asks a second machine after the first byte, and keeps one id until the error', async () => {
    const broken = machine(() => [event(chunk({ content: 'a' })), event({ ...chunk({ content: 'b' }), id: 'other', created: 2 }), event({ error: { message: 'cuda at 10.0.0.7', code: 500 } }), done]);
    const second = machine(() => [event(chunk({ content: 'never' })), done]);
    const body = await (await post(await offer(broken.handler, second.handler))).text();
    // On a busy machine comments stand between the events.
    const events = body.trim().split('\n\n').filter((each) => each.startsWith('data: ')).map((each) => JSON.parse(each.slice('data: '.length)) as { id?: string; error?: { code: string } });
    expect(events.map(({ id, error }) => id ?? error!.code)).toEqual(['chatcmpl-1', 'chatcmpl-1', 'ENGINE_FAILED']);
    expect(body).not.toContain('10.0.0.7');
    expect([broken.seen.bodies.length, second.seen.bodies.length]).toEqual([1, 0]);
  });

  it('conformance 22: goes to the next machine when the first gives no token in time, before the head', async () => {
    const silent = machine(async function* () {
      await pause(6_000);
      yield event(chunk({ content: 'late' }));
    });
    const second = machine(() => [event(chunk({ content: 'here' })), done]);
    const { data, response } = await client.chat.completions.create({ model: await offer(silent.handler, second.handler), messages, stream: true }).withResponse();
    expect(await text(data)).toBe('here');
    expect(silent.seen.abortedAtMs).toBeDefined();
    expect((await completed(response.headers.get('x-mizan-record'))).attempts).toMatchObject([{ outcome: 'failed', code: 'ENGINE_FAILED' }, { outcome: 'ok' }]);
  });

  it('conformance 22: moves on from a machine whose first event is an error, and says so plainly when none is left', async () => {
    const broken = machine(() => [event({ error: { message: 'no memory' } })]);
    const second = machine(() => [event(chunk({ content: 'here' })), done]);
    expect(await text(await client.chat.completions.create({ model: await offer(broken.handler, second.handler), messages, stream: true }))).toBe('here');
    await expect(client.chat.completions.create({ model: await offer(machine(() => [event({ error: {} })]).handler), messages, stream: true })).rejects.toMatchObject({ status: 503, code: 'ENGINE_FAILED' });
  });

  it('conformance 23: counts usage that comes on a chunk with choices, cached tokens kept', async () => {
    const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8, prompt_tokens_details: { cached_tokens: 4 } };
    const { handler } = machine(() => [event(chunk({ content: 'a' }, { usage })), done]);
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const each of await client.chat.completions.create({ model: await offer(handler), messages, stream: true, stream_options: { include_usage: true } })) chunks.push(each);
    expect(chunks.map((each) => each.usage ?? null)).toEqual([null, usage]);
  });

  it('conformance 24: asks the engine for usage always, and hides it unless the client asked', async () => {
    const { handler, seen } = machine(() => [event(chunk({ content: 'a' })), upstreamUsage + done]);
    const model = await offer(handler);
    expect(await (await post(model)).text()).not.toContain('"usage"');
    const asked = await (await post(model, { stream_options: { include_usage: true } })).text();
    expect(asked.match(/"usage":\{/g)).toHaveLength(1);
    expect(asked.indexOf('"usage"')).toBeLessThan(asked.indexOf('[DONE]'));
    expect(seen.bodies.map((body) => body['stream_options'])).toEqual([{ include_usage: true }, { include_usage: true }]);
  });

  it('conformance 25: lets the official client put tool calls together that the engine numbers badly', async () => {
    const call = (piece: object): string => event(chunk({ tool_calls: [piece] }));
    const { handler } = machine(() => [
      event(chunk({ role: 'assistant', content: null })),
      call({ index: 1, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }),
      call({ index: 1, id: null, type: null, function: { name: null, arguments: '{"x":1}' } }),
      call({ index: 2, id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } }),
      event({ ...about, choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }),
      done,
    ]);
    const runner = client.chat.completions.stream({ model: await offer(handler), messages, stream: true });
    expect((await runner.finalChatCompletion()).choices[0]!.message.tool_calls).toMatchObject([
      { id: 'a', function: { name: 'f', arguments: '{"x":1}' } },
      { id: 'b', function: { name: 'g', arguments: '{}' } },
    ]);
  });

  it('conformance 26: gives two interleaved choices', async () => {
    const of = (index: number, content: string): string => event({ ...about, choices: [{ index, delta: { content }, finish_reason: content === '.' ? 'stop' : null }] });
    const { handler } = machine(() => [event(chunk({ role: 'assistant' })), event({ ...about, choices: [{ index: 1, delta: { role: 'assistant' }, finish_reason: null }] }), of(0, 'a'), of(1, 'x'), of(0, 'b') + of(1, 'y'), of(0, '.'), of(1, '.'), done]);
    const runner = client.chat.completions.stream({ model: await offer(handler), messages, n: 2, stream: true });
    expect((await runner.finalChatCompletion()).choices.map(({ message }) => message.content)).toEqual(['ab.', 'xy.']);
  });

  it('conformance 27: stops the engine while its client does not read: what is held is bounded', async () => {
    const piece = event(chunk({ content: 'x'.repeat(64 * 1024) }));
    const { handler, seen } = machine(async function* () {
      for (;;) {
        yield piece;
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const model = await offer(handler);
    const body = JSON.stringify({ model, messages, stream: true });
    const { hostname, port } = new URL(stack.url);
    const socket = connectSocket(Number(port), hostname);
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await eventually(() => seen.yielded > 0);
    socket.pause();
    let before = -1;
    await eventually(async () => {
      if (before === seen.yielded) return true;
      before = seen.yielded;
      await pause(400);
      return false;
    });
    // Kernel buffers hold a few MiB, a window 8 pieces; an unbounded gateway would have taken hundreds of MiB by now.
    expect(seen.yielded * piece.length).toBeLessThan(24 * 1024 * 1024);
    socket.destroy();
    await eventually(() => seen.abortedAtMs !== undefined);
  });

  it('conformance 28: ends the answer within 100 ms of [DONE]', async () => {
    const { handler } = machine(() => [event(chunk({ content: 'a' })), done]);
    const model = await offer(handler);
    const tailMs: number[] = [];
    // A busy machine may hold any one of them up.
    for (let times = 0; times < 5; times += 1) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const sent = httpRequest(`${stack.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } }, resolve).on('error', reject);
        sent.end(JSON.stringify({ model, messages, stream: true }));
      });
      let doneAtMs = 0;
      for await (const piece of answer) if (String(piece).includes('[DONE]')) doneAtMs = performance.now();
      expect(doneAtMs).toBeGreaterThan(0);
      tailMs.push(performance.now() - doneAtMs);
    }
    expect(Math.min(...tailMs)).toBeLessThan(100);
  });

  it('conformance 29: frees machine and reservation when a client leaves before the head', async () => {
    const waiting = machine(async function* () {
      await pause(2_500);
      yield event(chunk({ content: 'late' }));
    });
    const model = await offer(waiting.handler);
    const leaving = new AbortController();
    const request = post(model, {}, leaving.signal);
    request.catch(() => undefined);
    await eventually(() => waiting.seen.bodies.length === 1);
    const leftAtMs = performance.now();
    leaving.abort();
    await eventually(() => waiting.seen.abortedAtMs !== undefined);
    expect(waiting.seen.abortedAtMs! - leftAtMs).toBeLessThan(promptMs);
    const offerId = uuidOf(0x100 + machines);
    expect(await completedWith((facts) => facts.offer === offerId)).toMatchObject({ outcome: 'cancelled', chargeNanos: 0n, usageSource: 'none', receipt: null });
  });

  it('conformance 30: cancels the engine when a client leaves mid-stream, and charges what was produced, once', async () => {
    const talking = machine(
      async function* () {
        for (;;) {
          await pause(5);
          yield event(chunk({ content: 'word ' }));
        }
      },
      ({ yielded }) => ({ inputTokens: 5, outputTokens: yielded }),
    );
    const model = await offer(talking.handler);
    const leaving = new AbortController();
    const response = await post(model, {}, leaving.signal);
    const reader = response.body!.getReader();
    for (let n = 0; n < 3; n += 1) await reader.read();
    const leftAtMs = performance.now();
    leaving.abort();
    await eventually(() => talking.seen.abortedAtMs !== undefined);
    expect(talking.seen.abortedAtMs! - leftAtMs).toBeLessThan(promptMs);
    const record = response.headers.get('x-mizan-record');
    const facts = await completed(record);
    expect(facts).toMatchObject({ outcome: 'cancelled', usageSource: 'engine', usage: { inputTokens: 5 } });
    expect(facts.usage.outputTokens).toBeGreaterThanOrEqual(3);
    expect(facts.chargeNanos).toBe(BigInt(facts.usage.inputTokens) * 10n);
    expect(facts.receipt).not.toBeNull();
    expect(stack.records.filter(({ id }) => id === record).map(({ type }) => type).sort()).toEqual(['admitted', 'completed']);
  });

  it('estimates what a machine produced that dies half-way, marks it, and tells the client', async () => {
    machines += 1;
    const model = `model-${machines}`;
    const { handler } = machine(async function* () {
      yield event(chunk({ content: 'five words of some length' }));
      await pause(6_000);
    });
    const connection = await stack.node(machines, handler, { model, endpoints: ['chat.completions'], capacity: 2 }, 10_000_000n);
    await eventually(async () => (await fetch(`${stack.url}/v1/models/${model}`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
    const response = await post(model);
    const reader = response.body!.getReader();
    await reader.read();
    await connection.close();
    let rest = '';
    for (let next = await reader.read(); !next.done; next = await reader.read()) rest += Buffer.from(next.value as Uint8Array).toString();
    expect(rest).toContain('"error"');
    // "Weigh this." is 3 tokens, its role 1, markers 7.
    expect(await completed(response.headers.get('x-mizan-record'))).toMatchObject({ outcome: 'cut', usageSource: 'estimated', usage: { inputTokens: 11, outputTokens: 5 }, chargeNanos: 110n, receipt: null, responseHash: null, attempts: [{ outcome: 'lost' }] });
  });

  it('charges an estimate when a machine claims more than the request can hold, and does not pass the answer off as whole', async () => {
    const { handler } = machine(() => [event(chunk({ content: 'two words' })), done], { inputTokens: 5, outputTokens: 1_000_000 });
    const response = await post(await offer(handler));
    expect(await response.text()).toContain('"error"');
    expect(await completed(response.headers.get('x-mizan-record'))).toMatchObject({ outcome: 'cut', usageSource: 'estimated', usage: { outputTokens: 2 }, attempts: [{ code: 'NODE_PROTOCOL' }] });
  });

  it('marks usage that the node has estimated', async () => {
    const { handler } = machine(() => [event(chunk({ content: 'a' })), done], { inputTokens: 5, outputTokens: 1, estimated: true });
    const response = await post(await offer(handler));
    await response.text();
    expect(await completed(response.headers.get('x-mizan-record'))).toMatchObject({ outcome: 'ok', usageSource: 'estimated', chargeNanos: 50n });
  });
});
