import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { CompletedFacts } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobHandler } from '#wire';
import { eventually, GatewayStack } from './gateway-harness.js';

const about = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'm' };
const piece = (content: string): string => `data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const usage = `data: ${JSON.stringify({ ...about, choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 } })}\n\ndata: [DONE]\n\n`;

describe('machines with a public URL', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let client: OpenAI;
  let inside = 0x70;
  const messages = [{ role: 'user' as const, content: 'Weigh this.' }];
  const ask = (model: string, signal?: AbortSignal) => client.chat.completions.create({ model, messages, max_tokens: 20, stream: true }, { signal }).withResponse();
  const completed = async (record: string | null): Promise<CompletedFacts> => {
    const found = () => stack.records.find(({ id, type }) => id === record && type === 'completed');
    await eventually(() => found() !== undefined);
    return found()!.facts as CompletedFacts;
  };
  /** An engine that says two pieces, waits for `go`, and says the third. */
  const engine = (go: Promise<void> = Promise.resolve(), aborted: () => void = () => undefined): NodeJobHandler => async (_job, signal) => {
    let settle!: (of: { inputTokens: number; outputTokens: number }) => void;
    const used = new Promise<{ inputTokens: number; outputTokens: number }>((resolve) => (settle = resolve));
    const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => (aborted(), settle({ inputTokens: 5, outputTokens: 2 }), resolve())));
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.from(piece('one '));
      yield Buffer.from(piece('two '));
      await Promise.race([go, left]);
      if (signal.aborted) return;
      yield Buffer.from(piece('three') + usage);
      settle({ inputTokens: 5, outputTokens: 3 });
    }
    return { status: 200, contentType: 'text/event-stream', body: body(), usage: used };
  };
  const offer = (model: string) => ({ model, endpoints: ['chat.completions' as const] });

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats, { NODE_OUTBOUND_ALLOW: '127.0.0.1/32' });
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: await stack.key('developer'), maxRetries: 0 });
  });
  afterAll(async () => {
    await stack.stop();
    await nats.stop();
  });

  const text = async (stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> => {
    let said = '';
    for await (const { choices } of stream) said += choices[0]?.delta.content ?? '';
    return said;
  };

  it('are called straight, with the same receipt and charge', async () => {
    const { seen } = await stack.directNode(0x60, engine(), offer('straight'));
    const { data, response } = await ask('straight');
    expect(await text(data)).toBe('one two three');
    expect(seen.length).toBeGreaterThan(0);
    const facts = await completed(response.headers.get('x-mizan-record'));
    expect(facts).toMatchObject({ outcome: 'ok', usageSource: 'engine', usage: { inputTokens: 5, outputTokens: 3 } });
    expect(facts.receipt).not.toBeNull();
  });

  it('stop when the client leaves, and sign for what they did', async () => {
    let abortedAt = 0;
    await stack.directNode(0x61, engine(new Promise(() => undefined), () => (abortedAt = performance.now())), offer('left'));
    const leaving = new AbortController();
    const { data, response } = await ask('left', leaving.signal);
    const chunks = data[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.next();
    const leftAt = performance.now();
    leaving.abort();
    await eventually(() => abortedAt > 0);
    expect(abortedAt - leftAt).toBeLessThan(20_000);
    expect(await completed(response.headers.get('x-mizan-record'))).toMatchObject({ outcome: 'cancelled', usageSource: 'engine', usage: { inputTokens: 5, outputTokens: 2 } });
  });

  it('end a stream with an error, and are charged by estimate, when they break off in the middle', async () => {
    const { door } = await stack.directNode(0x62, engine(new Promise(() => undefined)), offer('broken'));
    const { data, response } = await ask('broken');
    const chunks = data[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.next();
    door.close();
    await expect(text({ [Symbol.asyncIterator]: () => chunks })).rejects.toMatchObject({ error: { code: 'ENGINE_FAILED' } });
    const facts = await completed(response.headers.get('x-mizan-record'));
    expect(facts).toMatchObject({ outcome: 'cut', usageSource: 'estimated', receipt: null });
    // It still has its connection to NATS: the next request goes there.
    const next = await ask('broken');
    expect((await next.data[Symbol.asyncIterator]().next()).value).toMatchObject({ choices: [{ delta: { content: 'one ' } }] });
    next.data.controller.abort();
  });

  it('leave the request to the next machine when they are gone before the first byte', async () => {
    const { door, connection } = await stack.directNode(0x63, engine(), offer('gone'));
    door.close();
    await connection.close();
    await stack.node(0x64, engine(), offer('gone'), 10n ** 12n);
    const { data, response } = await ask('gone');
    expect(await text(data)).toBe('one two three');
    expect((await completed(response.headers.get('x-mizan-record'))).attempts.map(({ outcome }) => outcome)).toEqual(['unreachable', 'ok']);
  });

  it.each([
    ['an address inside', (port: number) => `http://127.0.0.2:${port}`],
    ['an address inside, otherwise written', (port: number) => `http://[::ffff:7f00:2]:${port}`],
    ['a name that leads inside', (port: number) => `http://localhost:${port}`],
    ['no web address', () => 'file:///etc/passwd'],
  ])('are called over NATS when their URL is %s', async (_what, url) => {
    const n = (inside += 1);
    const { seen } = await stack.directNode(n, engine(), offer(`inside-${n}`), url);
    expect(await text((await ask(`inside-${n}`)).data)).toBe('one two three');
    expect(seen).toEqual([]);
  });
});
