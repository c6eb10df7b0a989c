import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { CompletedFacts } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobHandler, NodeJobOutput } from '#wire';
import { eventually, GatewayStack } from '../gateway-harness.js';

const about = { id: 'c', created: 1, model: 'm' };
const messages = [{ role: 'user' as const, content: 'a' }];

describe('conformance 61: a machine that claims more output than it shows', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let client: OpenAI;
  const says = { text: 'ok', claimed: 4_096 };

  /** Says little, and signs for a lot. */
  const liar: NodeJobHandler = async ({ body, endpoint }) => {
    const { stream } = JSON.parse(body.toString()) as { stream?: boolean };
    const usage = { inputTokens: 5, outputTokens: says.claimed };
    const told = { prompt_tokens: 5, completion_tokens: says.claimed, total_tokens: 5 + says.claimed };
    const choice = (member: 'delta' | 'message') => (endpoint === 'completions' ? { index: 0, text: says.text, finish_reason: 'stop' } : { index: 0, [member]: { role: 'assistant', content: says.text }, finish_reason: 'stop' });
    const whole: NodeJobOutput = { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify({ ...about, object: endpoint === 'completions' ? 'text_completion' : 'chat.completion', choices: [choice('message')], usage: told })), usage };
    if (stream !== true) return whole;
    const events = [{ ...about, choices: [choice('delta')] }, { ...about, choices: [], usage: told }].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
    async function* bytes(): AsyncGenerator<Buffer> {
      for (const event of [...events, 'data: [DONE]\n\n']) yield Buffer.from(event);
    }
    return { status: 200, contentType: 'text/event-stream', body: bytes(), usage: Promise.resolve(usage) };
  };

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: await stack.key('developer'), maxRetries: 0 });
    await stack.node(1, liar, { model: 'm', endpoints: ['chat.completions', 'completions'], capacity: 20 });
    await eventually(async () => (await client.models.list()).data.length === 1);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  async function charged(asked: { asResponse(): Promise<Response> }): Promise<CompletedFacts> {
    const response = await asked.asResponse();
    await response.text();
    const record = response.headers.get('x-mizan-record');
    const found = (): CompletedFacts | undefined => stack.records.flatMap(({ facts }) => (facts?.kind === 'completed' && facts.record === record ? [facts] : [])).at(0);
    await eventually(() => found() !== undefined);
    return found()!;
  }
  const chat = (more: object = {}) => client.chat.completions.create({ model: 'm', messages, max_tokens: 4_096, ...more });

  it.each([
    ['a chat', () => chat()],
    ['a streamed chat', () => chat({ stream: true })],
    ['a completion', () => client.completions.create({ model: 'm', prompt: 'a', max_tokens: 4_096 })],
    ['a streamed completion', () => client.completions.create({ model: 'm', prompt: 'a', max_tokens: 4_096, stream: true })],
    ['a response', () => client.responses.create({ model: 'm', input: 'a', max_output_tokens: 4_096 })],
    ['a streamed response', () => client.responses.create({ model: 'm', input: 'a', max_output_tokens: 4_096, stream: true })],
  ])('is paid for what its text can hold, marked as an estimate, without the receipt that says more: %s', async (_what, ask) => {
    Object.assign(says, { text: 'ok', claimed: 4_096 });
    const facts = await charged(ask());
    expect(facts).toMatchObject({ outcome: 'ok', usage: { inputTokens: 5, outputTokens: 2 + 32 }, usageSource: 'estimated', receipt: null, responseHash: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown as string });
  });

  it('is believed as far as its text reaches', async () => {
    Object.assign(says, { text: 'x'.repeat(200), claimed: 200 });
    for (const stream of [false, true]) {
      expect(await charged(chat({ stream }))).toMatchObject({ usage: { outputTokens: 200 }, usageSource: 'engine', receipt: expect.anything() as unknown as object });
    }
  });

  it('is believed up to the limit where the caller asked not to see its reasoning, and for the candidates of a best one', async () => {
    Object.assign(says, { text: 'ok', claimed: 4_000 });
    for (const hidden of [{ include_reasoning: false }, { reasoning: { exclude: true } }]) {
      for (const stream of [false, true]) expect(await charged(chat({ ...hidden, stream }))).toMatchObject({ usage: { outputTokens: 4_000 }, usageSource: 'engine' });
    }
    expect(await charged(client.completions.create({ model: 'm', prompt: 'a', max_tokens: 1_000, best_of: 4 }))).toMatchObject({ usage: { outputTokens: 3_000 + 34 }, usageSource: 'estimated' });
  });
});
