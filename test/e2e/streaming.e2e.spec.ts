import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { freePort } from '#local';
import { openReceipt } from '#protocol';
import { Books } from './books.js';
import { anywhere, foundEnterprise } from './enterprise.js';
import type { Enterprise } from './enterprise.js';
import { eventually } from './eventually.js';
import { joinLlama } from './llama-node.js';
import type { OutsideNode } from './outside-node.js';
import { recordOf } from './requests.js';
import { stackMs, StandaloneStack } from './standalone-stack.js';

/** What a gateway that died left open is closed this long after its admission. */
const deadlineMs = 8_000;
const faultMs = 300_000;

let stack: StandaloneStack;
let books: Books;
let node: OutsideNode;
let straight: OutsideNode;
let enterprise: Enterprise;
let client: OpenAI;
const messages = [{ role: 'user' as const, content: 'Weigh this.' }];

beforeAll(async () => {
  stack = await StandaloneStack.start({ REQUEST_DEADLINE_MS: '6000', STREAM_DEADLINE_MS: String(deadlineMs), BILLING_ADMISSION_GRACE_MS: '1000', BILLING_SWEEP_MS: '250', NODE_OUTBOUND_ALLOW: '127.0.0.1/32' });
  books = Books.open(stack.run.databaseUrl);
  node = await joinLlama(stack, 'llama', { input: '1', output: '2' });
  straight = await joinLlama(stack, 'straight', { input: '1', output: '2' }, await freePort());
  enterprise = await foundEnterprise(stack, 'Streams Ltd', { policy: anywhere, budgetNanos: 10_000_000_000n });
  client = new OpenAI({ baseURL: `${stack.run.api}/v1`, apiKey: enterprise.developerKey, maxRetries: 0 });
}, stackMs);

afterAll(async () => {
  await Promise.all([node?.stop(), straight?.stop()]);
  await books?.close();
  await stack?.stop();
});

/** A stream that has begun, long enough to be broken. */
async function longStream(signal?: AbortSignal, model = node.model) {
  const { data, response } = await client.chat.completions.create({ model, messages, max_tokens: 1_900, stream: true }, { signal }).withResponse();
  const chunks = data[Symbol.asyncIterator]();
  let received = 0;
  while (received < 5) if ((await chunks.next()).value?.choices[0]?.delta.content) received += 1;
  return { record: response.headers.get('x-mizan-record')!, received, rest: () => drain(chunks) };
}

/** How a stream ended: `undefined` when it did as it should. */
async function drain(chunks: AsyncIterator<unknown>): Promise<unknown> {
  try {
    while ((await chunks.next()).done !== true);
    return undefined;
  } catch (error) {
    return error;
  }
}

async function expectInvariants(): Promise<void> {
  const { invariants, code } = await stack.verify();
  expect(invariants.map(({ name, holds, detail }) => `${name}: ${holds ? 'holds' : detail}`)).toEqual(invariants.map(({ name }) => `${name}: holds`));
  expect({ code, invariants: invariants.length }).toEqual({ code: 0, invariants: 6 });
}

describe('streams of a real model, by the official client', () => {
  it('come token by token, with the usage of the engine, a signed receipt and one charge', async () => {
    const { data, response } = await client.chat.completions.create({ model: node.model, messages, max_tokens: 24, temperature: 0, stream: true, stream_options: { include_usage: true } }).withResponse();
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of data) chunks.push(chunk);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    expect(text).toMatch(/^[\x20-\x7e]{24}$/);
    const { usage } = chunks.at(-1)!;
    expect(usage).toMatchObject({ completion_tokens: 24 });

    const whole = await client.chat.completions.create({ model: node.model, messages, max_tokens: 24, temperature: 0 });
    expect(whole.choices[0]!.message.content).toBe(text);
    expect(whole.usage).toEqual(usage);

    const record = response.headers.get('x-mizan-record')!;
    const { completed } = await recordOf(enterprise.admin, record);
    expect(completed).toMatchObject({ outcome: 'ok', usageSource: 'engine', usage: { inputTokens: usage!.prompt_tokens, outputTokens: 24 }, chargeNanos: String(usage!.prompt_tokens * 1_000 + 24 * 2_000) });
    const { data: offers } = await stack.rest().get<{ data: { node: string; publicKey: string }[] }>('/v1/offers');
    const { publicKey } = offers.find((offer) => offer.node === completed!.machine.node)!;
    expect(openReceipt(completed!.receipt!, publicKey)).toMatchObject({ record, responseHash: completed!.responseHash });
    await books.hold([record]);
  }, faultMs);

  it('are completions as well, and stop where they are told to', async () => {
    const whole = await client.completions.create({ model: node.model, prompt: 'Once', max_tokens: 20, temperature: 0 });
    const stop = whole.choices[0]!.text.slice(6, 9);
    let text = '';
    for await (const { choices } of await client.completions.create({ model: node.model, prompt: 'Once', max_tokens: 20, temperature: 0, stop, stream: true })) text += choices[0]!.text;
    expect(text).toBe(whole.choices[0]!.text.slice(0, whole.choices[0]!.text.indexOf(stop)));
  }, faultMs);

  it('put a client that leaves to the expense of what was produced, and no more', async () => {
    const leaving = new AbortController();
    const { record, received, rest } = await longStream(leaving.signal);
    leaving.abort();
    await rest();
    const { completed } = await recordOf(enterprise.admin, record);
    expect(completed).toMatchObject({ outcome: 'cancelled', usageSource: 'engine' });
    expect(completed!.usage.outputTokens).toBeGreaterThanOrEqual(received);
    expect(completed!.usage.outputTokens).toBeLessThan(1_900);
    await books.hold([record]);
  }, faultMs);
});

describe('an answer that is not streamed', () => {
  it('conformance 29: of a client that leaves is stopped on the machine within a second, signed for and charged as far as it was made', async () => {
    const asked = { model: node.model, messages: [{ role: 'user' as const, content: 'Weigh this at length.' }], max_tokens: 1_900 };
    const leaving = new AbortController();
    const outcome = client.chat.completions.create(asked, { signal: leaving.signal }).then(() => 'answered', (error: unknown) => (error as Error).constructor.name);
    const requestHash = createHash('sha256').update(JSON.stringify(asked)).digest('hex');
    const { record } = await eventually('the request to be admitted', async () => (await books.query<{ record: string }>('SELECT record FROM billing.admissions WHERE request_hash = $1', [requestHash]))[0]);
    leaving.abort();
    const leftAtMs = Date.now();
    expect(await outcome).toBe('APIUserAbortError');
    const { completed } = await recordOf(enterprise.admin, record);
    expect(completed).toMatchObject({ outcome: 'cancelled', closedBy: 'gateway', usageSource: 'engine', responseHash: createHash('sha256').digest('hex') });
    expect(completed!.usage.outputTokens).toBeGreaterThan(0);
    expect(completed!.usage.outputTokens).toBeLessThan(1_900);
    expect(completed!.chargeNanos).toBe(String(completed!.usage.inputTokens * 1_000 + completed!.usage.outputTokens * 2_000));
    const { publicKey } = (await stack.rest().get<{ data: { node: string; publicKey: string }[] }>('/v1/offers')).data.find((offer) => offer.node === completed!.machine.node)!;
    const { endedAtMs, usage } = openReceipt(completed!.receipt!, publicKey)!;
    expect(usage).toEqual(completed!.usage);
    expect(endedAtMs - leftAtMs).toBeLessThan(5_000);
    await books.hold([record]);
  }, faultMs);
});

describe('a machine that is called straight', () => {
  it('gives the same answers with a receipt, and when it is killed in mid-stream the stream ends with an error and the invariants hold', async () => {
    const ask = (model: string) => client.chat.completions.create({ model, messages, max_tokens: 24, temperature: 0 }).withResponse();
    const { data, response } = await ask(straight.model);
    expect(data.choices[0]!.message.content).toBe((await ask(node.model)).data.choices[0]!.message.content);
    const answered = response.headers.get('x-mizan-record')!;
    expect((await recordOf(enterprise.admin, answered)).completed).toMatchObject({ outcome: 'ok', usageSource: 'engine' });
    const { record, rest } = await longStream(undefined, straight.model);
    await straight.kill();
    expect(await rest()).toMatchObject({ error: { code: 'ENGINE_FAILED' } });
    const { completed } = await recordOf(enterprise.admin, record);
    expect(completed).toMatchObject({ outcome: 'cut', usageSource: 'estimated', receipt: null });
    await books.hold([answered, record]);
    await straight.startAgain(stack);
    expect((await ask(straight.model)).data.usage).toMatchObject({ completion_tokens: 24 });
    await expectInvariants();
  }, faultMs);
});

describe('kill -9 in mid-stream', () => {
  it('of the engine ends the stream with an error; what came is charged by an estimate, once', async () => {
    const { record, rest } = await longStream();
    await node.kill();
    expect(await rest()).toMatchObject({ error: { code: 'ENGINE_FAILED' } });
    const { completed } = await recordOf(enterprise.admin, record);
    expect(completed).toMatchObject({ outcome: 'cut', usageSource: 'estimated', receipt: null });
    expect(Number(completed!.chargeNanos)).toBeGreaterThan(0);
    await books.hold([record]);
    await node.startAgain(stack);
  }, faultMs);

  it('of NATS ends the stream; it is recorded and charged when the log is back', async () => {
    const { record, rest } = await longStream();
    await stack.whileDown(['nats-server'], async () => {
      expect(await rest()).toBeDefined();
    });
    for (const path of [`/v1/models/${node.model}`, '/v1/records?limit=1']) {
      await eventually(`${path} to be back`, async () => ((await enterprise.admin.send('GET', path)).status === 200 ? true : undefined), 60_000);
    }
    await books.hold([record], 60_000);
    const { completed } = await recordOf(enterprise.admin, record, 60_000);
    expect(completed).toMatchObject({ outcome: 'cut', usageSource: 'estimated' });
  }, faultMs);

  it('of the gateway stops the machine, which signs for what it did; that is what is charged after the deadline; after all of it the invariants hold', async () => {
    const { record, rest } = await longStream();
    await stack.whileDown(['gateway'], async () => {
      expect(await rest()).toBeDefined();
    });
    const { completed } = await recordOf(enterprise.admin, record, 60_000);
    expect(completed).toMatchObject({ closedBy: 'billing', usageSource: 'receipt' });
    expect(completed!.usage.outputTokens).toBeGreaterThanOrEqual(5);
    expect(completed!.usage.outputTokens).toBeLessThan(1_900);
    await books.hold([record]);
    await expectInvariants();
  }, faultMs);
});
