import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import OpenAI from 'openai';
import { anywhere, foundEnterprise } from '../enterprise.js';
import type { NewKey } from '../enterprise.js';
import { eventually } from '../eventually.js';
import { recordOf } from '../requests.js';
import { stackMs } from '../standalone-stack.js';
import { ConformingHouse, chat, embedding, failed, messages } from './conforming-house.js';
import { about, json, ordinary, streaming } from './scripted-engine.js';

let at: ConformingHouse;
let client: OpenAI;
let secondAdminKey: string;

const ask = (by = client) => by.embeddings.create({ model: embedding, input: 'a' });
const heldFor = async (answer: Response): Promise<bigint> => BigInt((await recordOf(at.house.developer, answer.headers.get('x-mizan-record')!)).admitted!.holdNanos);
/** What is reserved for what `ask` asks. */
const holdOfOne = async (): Promise<bigint> => heldFor(await ask().asResponse());
/** Another price of the embedding model, by two persons. */
async function price(nanos: string): Promise<void> {
  const { data: offers } = await at.house.developer.get<{ data: { id: string; model: string }[] }>('/v1/offers');
  const offer = offers.find(({ model }) => model === embedding)!.id;
  const [first, second] = [at.stack.rest(at.stack.run.adminKey), at.stack.rest(secondAdminKey)];
  const { id, hash } = await first.put<{ id: string; hash: string }>(`/v1/price-changes/${randomUUID()}`, { offer, note: 'a conformance case', inputNanosPerMillion: nanos, outputNanosPerMillion: nanos });
  await second.post(`/v1/price-changes/${id}/approval`, { hash });
}
const chargeOf = (record: string): Promise<{ amountNanos: string }> => eventually(`the charge of ${record}`, () => at.house.developer.get<{ amountNanos: string }>(`/v1/charges/${record}`));

describe('the numbered cases of what is paid, on the whole stack', () => {
  beforeAll(async () => {
    at = await ConformingHouse.found();
    client = at.client();
    secondAdminKey = (await at.stack.rest(at.stack.run.adminKey).post<NewKey>(`/v1/organisations/${at.stack.run.tenant}/keys`, { role: 'platform_admin', name: 'who approves' })).secret;
    await eventually('the gateway to know the key', async () => ((await at.stack.rest(secondAdminKey).send('GET', '/v1/models')).status === 200 ? true : undefined));
  }, stackMs);
  beforeEach(() => at.reset());

  it('conformance 31: a caller cannot say where a request runs or with whose key', async () => {
    for (const field of ['api_base', 'base_url', 'api_key']) expect(await failed(client.post('/embeddings', { body: { model: embedding, input: 'a', [field]: 'http://169.254.169.254' } }))).toMatchObject({ status: 400, param: field });
    expect(at.asked).toEqual([]);
    for (const header of ['x-portkey-custom-host', 'helicone-target-url', 'x-base-url', 'x-target-host', 'openai-base-url']) await client.post('/embeddings', { body: { model: embedding, input: 'a' }, headers: { [header]: 'http://127.0.0.1:1' } });
    expect(at.asked).toHaveLength(5);
    for (const { headers } of at.asked) expect(JSON.stringify(headers)).not.toContain('127.0.0.1:1"');
  });

  it('conformance 32: of many parallel requests, a budget for one admits exactly one', async () => {
    const poor = await foundEnterprise(at.stack, 'A house with money for one', { policy: anywhere, budgetNanos: ((await holdOfOne()) * 3n) / 2n });
    at.reset();
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    at.script = async (...each) => {
      await held;
      await ordinary(...each);
    };
    // The one that is admitted runs until all others have been refused: what it does not need is not theirs meanwhile.
    let refused = 0;
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => ask(at.client(poor.developerKey)).catch((error: unknown) => {
      refused += 1;
      if (refused === 11) goOn();
      throw error;
    })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ status: 402, code: 'BUDGET_EXHAUSTED' });
    expect(at.asked).toHaveLength(1);
  });

  it('conformance 33: money that was leased and not used does not refuse below the budget', async () => {
    const exact = await foundEnterprise(at.stack, 'A house that spends all', { policy: anywhere, budgetNanos: (await holdOfOne()) * 8n });
    // One after the other: each was reserved at its bound, and cost as much or less.
    for (let n = 0; n < 8; n += 1) await ask(at.client(exact.developerKey));
  });

  it('conformance 34: a model that costs nothing is limited like any other', async () => {
    const limits = `/v1/organisations/${at.house.tenant}/projects/${at.house.project}/limits`;
    await price('0');
    try {
      await eventually('it to cost nothing', async () => ((await chargeOf((await ask().withResponse()).response.headers.get('x-mizan-record')!)).amountNanos === '0' ? true : undefined));
      await at.house.admin.put(limits, { requestsPerMinute: 1 });
      const error = await eventually('the limit to refuse', () => ask().then(() => undefined, (refused: { code: string }) => refused));
      expect(error).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    } finally {
      await at.house.admin.put(limits, {});
      await price('10000000000');
    }
    await eventually('the limit to be gone', () => ask().then(() => true, () => undefined));
  });

  it('conformance 36: cached and reasoning tokens are counted once', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, prompt_tokens_details: { cached_tokens: 8 }, completion_tokens_details: { reasoning_tokens: 4 } };
    at.script = json(200, { ...about, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'It is level, they say.' }, finish_reason: 'stop' }], usage });
    const { response } = await client.chat.completions.create({ model: chat, messages }).withResponse();
    expect((await at.completed(response)).usage).toMatchObject({ inputTokens: 10, outputTokens: 5 });
  });

  it('conformance 37: the same key and body is one charge and the same answer; another body is a conflict', async () => {
    const named = (input: string) => client.embeddings.create({ model: embedding, input, encoding_format: 'float' }, { headers: { 'Idempotency-Key': 'case-37' } }).withResponse();
    const first = await named('a');
    const again = await named('a');
    expect(again.data).toEqual(first.data);
    expect([again.response.headers.get('x-mizan-record'), again.response.headers.get('idempotency-replayed')]).toEqual([first.response.headers.get('x-mizan-record'), 'true']);
    expect(at.asked).toHaveLength(1);
    expect(await failed(named('b'))).toMatchObject({ status: 409, code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('conformance 38: tries of the client, machines and models together are bounded by one retry budget', async () => {
    at.script = json(500, { error: { message: 'broken' } });
    const clients = 20;
    const house = await foundEnterprise(at.stack, 'An impatient house', { policy: anywhere, budgetNanos: 10n ** 12n });
    const impatient = at.client(house.developerKey, { maxRetries: 2 });
    const beganMs = performance.now();
    await Promise.allSettled(Array.from({ length: clients }, () => impatient.chat.completions.create({ model: chat, messages })));
    // Twenty clients of three tries on two machines would be 120.
    const seconds = Math.ceil((performance.now() - beganMs) / 1_000);
    expect(at.asked.length).toBeLessThanOrEqual(clients * 3 + clients * 0.2 + 10 + seconds);
    at.reset();
    await eventually('the machines to be trusted again', () => client.chat.completions.create({ model: chat, messages }).then(() => true, () => undefined));
  });

  it('conformance 40: a price that changes while a request runs does not change what it costs', async () => {
    const before = await chargeOf((await ask().withResponse()).response.headers.get('x-mizan-record')!);
    let goOn!: () => void;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    at.script = async (...each) => {
      await held;
      await ordinary(...each);
    };
    const asked = at.next();
    const running = ask().withResponse();
    await asked;
    await price('90000000000');
    goOn();
    expect((await chargeOf((await running).response.headers.get('x-mizan-record')!)).amountNanos).toBe(before.amountNanos);
    await price('10000000000');
    await eventually('the price to be the old one', async () => ((await chargeOf((await ask().withResponse()).response.headers.get('x-mizan-record')!)).amountNanos === before.amountNanos ? true : undefined));
  });

  it('conformance 41: the limit that is reserved for is sent where the caller sets none', async () => {
    const { response } = await client.chat.completions.create({ model: chat, messages }).withResponse();
    const { max_tokens: most } = at.asked[0]!.body as { max_tokens: number };
    expect(most).toBeGreaterThan(0);
    expect(await heldFor(response)).toBeGreaterThanOrEqual(BigInt(most) * 10_000n);
  });

  it('conformance 61: what a machine claims beyond what it shows is not paid', async () => {
    at.script = streaming(() => [`data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content: 'ok' }, finish_reason: 'stop' }] })}\n\n`, `data: ${JSON.stringify({ ...about, choices: [], usage: { prompt_tokens: 5, completion_tokens: 3_000, total_tokens: 3_005 } })}\n\n`, 'data: [DONE]\n\n']);
    const response = await at.post({ max_tokens: 4_000 });
    await response.text();
    const { usage } = await at.completed(response);
    expect(usage.outputTokens).toBeLessThan(100);
  });
});
