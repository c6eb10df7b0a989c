import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';
import { eventually } from '../eventually.js';
import { recordOf } from '../requests.js';
import { stackMs } from '../standalone-stack.js';
import { ConformingHouse, chat, messages, textOf } from './conforming-house.js';
import { about, chunk, done, event, saying, streaming, usage, usageEvent } from './scripted-engine.js';

let at: ConformingHouse;
let client: OpenAI;

const stream = (more: object = {}) => client.chat.completions.create({ model: chat, messages, stream: true, ...more });
/** Says nothing until whoever asked has gone. */
const silent = streaming(async function* ({ left }) {
  await left;
  yield '';
});
/** Without the comments that stand between events on a busy machine. */
const withoutComments = (text: string): string => text.replaceAll(/^: .*\n\n/gm, '');

describe('the numbered cases of streams, on the whole stack', () => {
  beforeAll(async () => {
    at = await ConformingHouse.found();
    client = at.client();
  }, stackMs);
  beforeEach(() => at.reset());

  it('conformance 17: CJK and emoji come byte for byte when the engine cuts at every byte', async () => {
    const words = ['天秤は', '嘘を', 'つかない👩‍⚖️', ' ميزان', '🇸🇦👍🏽'];
    const bytes = Buffer.from(words.map((content) => event(chunk({ content }))).join('') + done);
    at.script = streaming(() => Array.from(bytes, (byte) => Buffer.from([byte])));
    expect(await textOf(await stream())).toBe(words.join(''));
    expect(withoutComments(await (await at.post()).text())).toBe(bytes.toString());
  });

  it('conformance 18: CRLF and CR, comments and names of events of the engine are read and not passed on', async () => {
    at.script = streaming(() => [`: hi\r\nevent: x\r\nid: 4\r\n${event(chunk({ content: 'a' }), '\r\n')}`, event(chunk({ content: 'b' }), '\r'), 'data: [DONE]\r\n\r\n']);
    expect(await textOf(await stream())).toBe('ab');
    expect(await (await at.post()).text()).not.toMatch(/\r|^id:|^event:/m);
  });

  it('conformance 19: a comment comes within 15 s of silence, and the stream stays open', async () => {
    at.script = streaming(async function* () {
      yield event(chunk({ content: 'a' }));
      await pause(16_000);
      yield event(chunk({ content: 'b' })) + done;
    });
    const body = await (await at.post()).text();
    expect(body.match(/^: /gm)?.length).toBeGreaterThanOrEqual(1);
    expect(withoutComments(body).match(/"content":"[ab]"/g)).toHaveLength(2);
  });

  it('conformance 20: an engine that stops before [DONE] is told of by an error event, recorded as cut, and paid for what came', async () => {
    at.script = streaming(() => [event(chunk({ content: 'two ' })), event(chunk({ content: 'words' }))]);
    await expect(stream().then(textOf)).rejects.toThrow(OpenAI.APIError);
    const response = await at.post();
    const body = await response.text();
    expect(body).toContain('"code":"ENGINE_FAILED"');
    expect(body).not.toContain('[DONE]');
    const { outcome, usageSource, chargeNanos } = await at.completed(response);
    expect([outcome, usageSource]).toEqual(['cut', 'estimated']);
    expect(BigInt(chargeNanos)).toBeGreaterThan(0n);
  });

  it('conformance 21: after the first byte no second machine is asked, and the id stays one until the error', async () => {
    at.script = streaming(() => [event(chunk({ content: 'a' })), event({ ...chunk({ content: 'b' }), id: 'other', created: 2 }), event({ error: { message: 'cuda at 10.0.0.7', code: 500 } }), done]);
    const body = withoutComments(await (await at.post()).text());
    const events = body.trim().split('\n\n').map((each) => JSON.parse(each.slice('data: '.length)) as { id?: string; error?: { code: string } });
    expect(events.map(({ id, error }) => id ?? error!.code)).toEqual(['chatcmpl-1', 'chatcmpl-1', 'ENGINE_FAILED']);
    expect(body).not.toContain('10.0.0.7');
    expect(at.asked).toHaveLength(1);
  });

  it('conformance 22: a machine that gives no first token in time is left for the next, before the head is sent', async () => {
    at.script = (asked, response) => {
      const isFirst = asked === at.asked[0];
      return (isFirst ? silent : saying('here'))(asked, response);
    };
    const { data, response } = await stream().withResponse();
    expect(await textOf(data)).toBe('here');
    expect(await at.asked[0]!.left).toBeGreaterThan(0);
    expect((await at.completed(response)).attempts).toMatchObject([{ outcome: 'failed', code: 'ENGINE_FAILED' }, { outcome: 'ok' }]);
  });

  it('conformance 23: usage on a chunk with choices is found, its cached tokens kept', async () => {
    const withCached = { ...usage, prompt_tokens_details: { cached_tokens: 4 } };
    at.script = streaming(() => [event(chunk({ content: 'a' }, { usage: withCached })), done]);
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    const { data, response } = await stream({ stream_options: { include_usage: true } }).withResponse();
    for await (const each of data) chunks.push(each);
    expect(chunks.map((each) => each.usage ?? null)).toEqual([null, withCached]);
    expect(await at.completed(response)).toMatchObject({ usageSource: 'engine', usage: { inputTokens: 5, outputTokens: 3 } });
  });

  it('conformance 24: usage is always asked of the engine, and hidden unless the client asked', async () => {
    at.script = streaming(() => [event(chunk({ content: 'a' })), usageEvent + done]);
    expect(await (await at.post()).text()).not.toContain('"usage"');
    const asked = await (await at.post({ stream_options: { include_usage: true } })).text();
    expect(asked.match(/"usage":\{/g)).toHaveLength(1);
    expect(asked.indexOf('"usage"')).toBeLessThan(asked.indexOf('[DONE]'));
    expect(at.asked.map(({ body }) => body['stream_options'])).toEqual([{ include_usage: true }, { include_usage: true }]);
  });

  it('conformance 25: tool calls that the engine numbers badly are put together by the official client', async () => {
    const call = (piece: object): string => event(chunk({ tool_calls: [piece] }));
    at.script = streaming(() => [
      event(chunk({ role: 'assistant', content: null })),
      call({ index: 1, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }),
      call({ index: 1, id: null, type: null, function: { name: null, arguments: '{"x":1}' } }),
      call({ id: 'b', type: 'function', function: { name: 'g', arguments: '{}' } }),
      event({ ...about, choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }),
      done,
    ]);
    const runner = client.chat.completions.stream({ model: chat, messages, stream: true });
    expect((await runner.finalChatCompletion()).choices[0]!.message.tool_calls).toMatchObject([
      { id: 'a', function: { name: 'f', arguments: '{"x":1}' } },
      { id: 'b', function: { name: 'g', arguments: '{}' } },
    ]);
  });

  it('conformance 26: two interleaved choices stay apart', async () => {
    const of = (index: number, delta: object, finish: string | null = null): string => event({ ...about, choices: [{ index, delta, finish_reason: finish }] });
    at.script = streaming(() => [of(0, { role: 'assistant' }), of(1, { role: 'assistant' }), of(0, { content: 'a' }), of(1, { content: 'x' }), of(0, { content: 'b' }) + of(1, { content: 'y' }), of(0, {}, 'stop'), of(1, {}, 'stop'), done]);
    const runner = client.chat.completions.stream({ model: chat, messages, n: 2, stream: true });
    expect((await runner.finalChatCompletion()).choices.map(({ message }) => message.content)).toEqual(['ab', 'xy']);
  });

  it('conformance 27: a client that does not read stops the engine: what is held is bounded', async () => {
    const piece = event(chunk({ content: 'x'.repeat(64 * 1024) }));
    let given = 0;
    at.script = streaming(async function* () {
      for (;;) {
        given += 1;
        yield piece;
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const body = JSON.stringify({ model: chat, messages, stream: true });
    const { hostname, port } = new URL(at.stack.run.api);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${at.house.developerKey}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await eventually('the engine to begin', () => (given > 0 ? true : undefined));
    socket.pause();
    let before = -1;
    await eventually('the engine to stand still', async () => {
      if (before === given) return true;
      before = given;
      await pause(400);
      return undefined;
    });
    // Buffers of three sockets hold some MiB each; what is not bounded would have taken hundreds by now.
    expect(given * piece.length).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
    expect(await at.asked[0]!.left).toBeGreaterThan(0);
  });

  it('conformance 28: the answer ends within 100 ms of [DONE]', async () => {
    at.script = saying('a');
    const tailMs: number[] = [];
    // A busy machine may hold any one of them up.
    for (let times = 0; times < 5; times += 1) {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const sent = httpRequest(`${at.stack.run.api}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${at.house.developerKey}`, 'content-type': 'application/json' } }, resolve).on('error', reject);
        sent.end(JSON.stringify({ model: chat, messages, stream: true }));
      });
      let doneAtMs = 0;
      for await (const each of answer) if (String(each).includes('[DONE]')) doneAtMs = performance.now();
      expect(doneAtMs).toBeGreaterThan(0);
      tailMs.push(performance.now() - doneAtMs);
    }
    expect(Math.min(...tailMs)).toBeLessThan(100);
  });

  it('conformance 29: a client that leaves before the head has its work stopped, and pays nothing', async () => {
    at.script = silent;
    const ended = async (): Promise<string[]> => (await at.house.developer.get<{ data: { id: string; type: string }[] }>('/v1/records?type=completed&limit=100')).data.map(({ id }) => id);
    const before = new Set(await ended());
    const leaving = new AbortController();
    const asked = at.next();
    at.post({}, leaving.signal).catch(() => undefined);
    const { left } = await asked;
    const leftAtMs = performance.now();
    leaving.abort();
    // A second, and what a busy machine adds.
    expect((await left) - leftAtMs).toBeLessThan(5_000);
    // Earlier requests may end in the log now, cancelled too: they had made something.
    await eventually('its end in the log, without a charge', async (saw) => {
      const ends = await Promise.all((await ended()).filter((id) => !before.has(id)).map((id) => recordOf(at.house.developer, id)));
      saw(ends);
      return ends.find(({ completed }) => completed?.outcome === 'cancelled' && completed.chargeNanos === '0' && completed.receipt === null);
    });
  });

  it('conformance 30: a client that leaves mid-stream has its work stopped, and pays once for what was made', async () => {
    at.script = streaming(async function* () {
      for (;;) {
        await pause(5);
        yield event(chunk({ content: 'word ' }));
      }
    });
    const leaving = new AbortController();
    const response = await at.post({}, leaving.signal);
    const reader = response.body!.getReader();
    for (let n = 0; n < 3; n += 1) await reader.read();
    const leftAtMs = performance.now();
    leaving.abort();
    expect((await at.asked[0]!.left) - leftAtMs).toBeLessThan(5_000);
    const facts = await at.completed(response);
    expect(facts).toMatchObject({ outcome: 'cancelled', receipt: expect.anything() as unknown });
    expect(facts.usage.outputTokens).toBeGreaterThanOrEqual(3);
    const record = response.headers.get('x-mizan-record')!;
    const charge = await eventually(`the charge of ${record}`, () => at.house.developer.get<{ amountNanos: string }>(`/v1/charges/${record}`));
    expect(charge).toMatchObject({ amountNanos: facts.chargeNanos });
    expect(BigInt(facts.chargeNanos)).toBeGreaterThan(0n);
  });
});
