import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import type { AnswerRules, CompletedFacts } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { JobUsage, NodeJobHandler } from '#wire';
import { tenant, uuidOf } from '../examples.js';
import { eventually, GatewayStack } from '../gateway-harness.js';

/** What the machine says, in pieces that cut through everything. */
const pieces = ['Write to an', 'na@mail.exam', 'ple or pay DE', '89 3704 0044 05', '32 0130 00. Than', 'k you'];
const said = pieces.join('');
const about = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const asArguments = (text: string): string => JSON.stringify({ to: text });

describe('answers under rules', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let client: OpenAI;
  const project = uuidOf(3);
  const run = { ended: undefined as 'done' | 'aborted' | undefined, pieces: 0 };

  const machine: NodeJobHandler = async ({ body }, signal) => {
    const { stream, tools, messages } = JSON.parse(body.toString()) as { stream?: boolean; tools?: unknown[]; messages: { content: string }[] };
    Object.assign(run, { ended: undefined, pieces: 0 });
    if (!stream) {
      const call = { id: 't', type: 'function', function: { name: 'send', arguments: asArguments(said) } };
      const message = tools ? { role: 'assistant', content: null, tool_calls: [call] } : { role: 'assistant', content: said };
      const answer = { ...about, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: tools ? 'tool_calls' : 'stop', logprobs: { content: [{ token: 'anna' }] } }], usage: { prompt_tokens: 5, completion_tokens: 9, total_tokens: 14 } };
      return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 5, outputTokens: 9 } };
    }
    let settle!: (usage: JobUsage) => void;
    const usage = new Promise<JobUsage>((resolve) => (settle = resolve));
    const end = (ended: 'done' | 'aborted'): void => {
      run.ended ??= ended;
      settle({ inputTokens: 5, outputTokens: run.pieces });
    };
    signal.addEventListener('abort', () => end('aborted'), { once: true });
    const isEndless = messages[0]!.content === 'for ever';
    async function* bytes(): AsyncGenerator<Buffer> {
      const words = tools ? asArguments(said).match(/.{1,7}/g)! : pieces;
      for (let at = 0; at < words.length || isEndless; at += 1) {
        if (signal.aborted) return;
        run.pieces += 1;
        const word = words[at % words.length]!;
        const call = { index: 0, ...(at === 0 ? { id: 't', type: 'function' } : {}), function: { ...(at === 0 ? { name: 'send' } : {}), arguments: word } };
        yield Buffer.from(event({ ...about, choices: [{ index: 0, delta: tools ? { tool_calls: [call] } : { content: word }, finish_reason: null }] }));
        if (isEndless) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      yield Buffer.from(`${event({ ...about, choices: [{ index: 0, delta: {}, finish_reason: tools ? 'tool_calls' : 'stop' }] })}data: [DONE]\n\n`);
      end('done');
    }
    return { status: 200, contentType: 'text/event-stream', body: bytes(), usage };
  };

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: await stack.key('developer'), maxRetries: 0 });
    await stack.node(1, machine, { model: 'm', endpoints: ['chat.completions'], capacity: 20 });
    await eventually(async () => (await client.models.list()).data.length === 1);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  /** Sets the rules of the project; they are in force when this resolves. */
  async function rules(answers: AnswerRules | null, scope: 'project' | 'organisation' = 'project'): Promise<void> {
    await stack.limit(scope, scope === 'project' ? project : tenant.tenant, { answers });
  }
  const messages = [{ role: 'user' as const, content: 'whom?' }];
  const tools = [{ type: 'function' as const, function: { name: 'send' } }];
  async function streamed(more: object = {}): Promise<{ text: string; args: string; reason: string | null | undefined; record: string }> {
    const { data, response } = await client.chat.completions.create({ model: 'm', messages, max_tokens: 4_000, ...more, stream: true }).withResponse();
    const got = { text: '', args: '', reason: undefined as string | null | undefined, record: response.headers.get('x-mizan-record')! };
    for await (const { choices } of data) {
      got.text += choices[0]?.delta.content ?? '';
      got.args += choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? '';
      got.reason = choices[0]?.finish_reason ?? got.reason;
    }
    return got;
  }
  async function completed(record: string): Promise<CompletedFacts> {
    const found = (): CompletedFacts | undefined => stack.records.find(({ id, type }) => id === record && type === 'completed')?.facts as CompletedFacts | undefined;
    await eventually(() => found() !== undefined);
    return found()!;
  }

  it('pass as they are where there are none', async () => {
    await rules(null);
    const { text, record } = await streamed();
    expect(text).toBe(said);
    expect((await completed(record)).answerFindings).toBeUndefined();
  });

  it('lose what is to be taken out, streamed or whole, and their record says how much', async () => {
    await rules({ email: 'redact', iban: 'redact' });
    const expected = 'Write to [e-mail] or pay [iban]. Thank you';
    const { text, reason, record } = await streamed();
    expect([text, reason]).toEqual([expected, 'stop']);
    expect(await completed(record)).toMatchObject({ outcome: 'ok', answerFindings: [{ kind: 'email', count: 1, action: 'redact' }, { kind: 'iban', count: 1, action: 'redact' }], usage: { inputTokens: 5, outputTokens: 6 } });
    const whole = await client.chat.completions.create({ model: 'm', messages });
    expect(whole.choices[0]).toMatchObject({ message: { content: expected }, finish_reason: 'stop', logprobs: null });
  });

  it('lose it from the arguments of tools, too', async () => {
    await rules({ email: 'redact', iban: 'redact' });
    const { args, reason } = await streamed({ tools });
    expect([args, reason]).toEqual([asArguments('Write to [e-mail] or pay [iban]. Thank you'), 'tool_calls']);
    const whole = await client.chat.completions.create({ model: 'm', messages, tools });
    expect(whole.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { arguments: asArguments('Write to [e-mail] or pay [iban]. Thank you') } });
  });

  it('are left whole where findings are only to be recorded', async () => {
    await rules({ iban: 'record' });
    const { text, record } = await streamed();
    expect(text).toBe(said);
    expect((await completed(record)).answerFindings).toEqual([{ kind: 'iban', count: 1, action: 'record' }]);
  });

  it('end before what stops them; the machine is stopped and paid for what it made', async () => {
    await rules({ iban: 'stop', email: 'redact' });
    const { text, reason, record } = await streamed({ messages: [{ role: 'user', content: 'for ever' }] });
    expect([text, reason]).toEqual(['Write to [e-mail] or pay ', 'content_filter']);
    await eventually(() => run.ended === 'aborted');
    const facts = await completed(record);
    expect(facts).toMatchObject({ outcome: 'ok', answerFindings: [{ kind: 'email', count: 1, action: 'redact' }, { kind: 'iban', count: 1, action: 'stop' }] });
    expect(facts.usage.outputTokens).toBeGreaterThan(0);
    expect(facts.chargeNanos).toBeGreaterThan(0n);
    const whole = await client.chat.completions.create({ model: 'm', messages });
    expect(whole.choices[0]).toMatchObject({ message: { content: 'Write to [e-mail] or pay ' }, finish_reason: 'content_filter' });
  });

  it('are read in the newer form, too', async () => {
    await rules({ email: 'redact', iban: 'stop' });
    let [text, status] = ['', ''];
    for await (const event of await client.responses.create({ model: 'm', input: 'whom?', stream: true })) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.incomplete') status = event.response.incomplete_details?.reason ?? '';
    }
    expect([text, status]).toEqual(['Write to [e-mail] or pay ', 'content_filter']);
    expect(await client.responses.create({ model: 'm', input: 'whom?' })).toMatchObject({ status: 'incomplete', output_text: 'Write to [e-mail] or pay ' });
  });

  it('are bound by the strictest rule of organisation, project and key', async () => {
    await rules({ iban: 'record', email: 'stop' }, 'organisation');
    await rules({ iban: 'redact', email: 'record' });
    expect((await streamed()).text).toBe('Write to ');
    await rules(null, 'organisation');
    expect((await streamed()).text).toBe(said.replace('DE89 3704 0044 0532 0130 00', '[iban]'));
  });
});
