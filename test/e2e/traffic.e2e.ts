import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { anywhere, foundEnterprise } from './enterprise.js';
import type { Enterprise } from './enterprise.js';
import { eventually } from './eventually.js';
import { oneStack } from './one-stack.js';
import { embed, embeddedModel, recordIn, recordOf } from './requests.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

let stack: StandaloneStack;
let house: Enterprise;
let of: string;

beforeAll(async () => {
  stack = await oneStack();
  house = await foundEnterprise(stack, 'A busy house', { policy: anywhere, budgetNanos: 10n ** 10n });
  of = `/v1/organisations/${house.tenant}`;
}, stackMs);

describe('traffic', () => {
  it('is limited by what an administrator puts, by number and by model, and no longer when that is taken back', async () => {
    const path = `${of}/keys/${house.developerKeyId}/limits`;
    expect(await house.admin.put(path, { requestsPerMinute: 3 })).toMatchObject({ scope: 'key', subject: house.developerKeyId, requestsPerMinute: 3, tokensPerMinute: null });
    await eventually('the limit to refuse', async () => ((await embed(house.developer, 'One more.')).status === 429 ? true : undefined));
    const refused = await embed(house.developer, 'One more.');
    expect(refused.error).toMatchObject({ code: 'RATE_LIMITED', type: 'rate_limit_error' });
    expect(Number(refused.headers.get('retry-after-ms'))).toBeGreaterThan(0);
    await house.admin.put(path, { models: ['another'] });
    await eventually('the models to be limited', async () => ((await embed(house.developer, 'One more.')).error?.code === 'MODEL_NOT_ALLOWED' ? true : undefined));
    await house.admin.put(path, {});
    await eventually('the limit to be gone', async () => ((await embed(house.developer, 'One more.')).status === 200 ? true : undefined));
    expect((await house.developer.send('PUT', path, {})).error?.code).toBe('NOT_ALLOWED');
    expect((await house.admin.send('PUT', `${of}/keys/${stack.run.project}/limits`, {})).error?.code).toBe('NOT_FOUND');
    expect(await house.developer.get(`${of}/limits`)).toMatchObject({ data: [{ scope: 'key', models: null }] });
  });

  it('costs no more in a period than an administrator lets a key spend, by 402 that no client repeats', async () => {
    const path = `${of}/keys/${house.developerKeyId}/limits`;
    expect(await house.admin.put(path, { spend: { limitNanos: '1', period: 'month' } })).toMatchObject({ spend: { limitNanos: '1', period: 'month' } });
    const refused = await eventually('the spend to be limited', async () => {
      const answer = await embed(house.developer, 'What does this cost?');
      return answer.status === 402 ? answer : undefined;
    });
    expect(refused.error).toMatchObject({ code: 'SPEND_LIMIT_REACHED', type: 'insufficient_quota', message: expect.stringContaining("key's spend of this month") as unknown });
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect((await recordOf(house.developer, recordIn(refused))).refused).toMatchObject({ refusal: { code: 'SPEND_LIMIT_REACHED' } });
    expect((await house.admin.send('PUT', path, { spend: { limitNanos: '-1', period: 'month' } })).error).toMatchObject({ code: 'REQUEST_INVALID', param: expect.stringContaining('spend') as unknown });
    await house.admin.put(path, {});
    await eventually('the limit to be gone', async () => ((await embed(house.developer, 'One more.')).status === 200 ? true : undefined));
  });

  it('to an alias runs on the first of its models that can, for the official client', async () => {
    await house.admin.put(`${of}/model-aliases`, { data: [{ alias: 'text-embedding-3-small', models: ['no-such-model', embeddedModel] }] });
    const client = new OpenAI({ baseURL: `${stack.run.api}/v1`, apiKey: house.developerKey, maxRetries: 0 });
    await eventually('the alias to be known', async () => ((await client.models.list()).data.some(({ id }) => id === 'text-embedding-3-small') ? true : undefined));
    const { data, response } = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'By another name.' }).withResponse();
    expect(data.data[0]!.embedding.length).toBeGreaterThan(100);
    expect((await recordOf(house.developer, response.headers.get('x-mizan-record')!)).completed).toMatchObject({ outcome: 'ok' });
  });

  it('that was answered before is answered again for nothing where the project wants it, and stands in the log', async () => {
    await house.admin.put(`${of}/projects/${house.project}/limits`, { cacheSeconds: 600 });
    const hit = await eventually('an answer to be kept', async () => {
      const answer = await embed(house.developer, 'The very same words.');
      return answer.headers.get('x-mizan-cache') === 'hit' ? answer : undefined;
    });
    const { reused } = await recordOf(house.developer, recordIn(hit));
    expect(reused).toMatchObject({ chargeNanos: '0', decision: 'permit' });
    expect((await house.developer.send('GET', `/v1/charges/${recordIn(hit)}`)).status).toBe(404);
    expect((await house.developer.send('GET', `/v1/charges/${reused!.answerOf}`)).status).toBe(200);
  });

  it('that is answered again costs what two administrators have put into the price book for that, and is nobody’s work', async () => {
    const platform = stack.rest(stack.run.adminKey);
    const { secret } = await platform.post<{ secret: string }>(`${of}/keys`, { role: 'platform_admin', name: 'the other one' });
    const publish = async (rules: object[]): Promise<void> => {
      const { id, hash } = await platform.put<{ id: string; hash: string }>(`/v1/price-books/${randomUUID()}`, { note: 'answers given again', effectiveFromMs: 0, rules });
      await stack.rest(secret).post(`/v1/price-books/${id}/approval`, { hash });
    };
    await publish([{ networkFeeBasisPoints: 0, markupBasisPoints: 0, cacheHitNanos: '3' }]);
    const charged = async () => {
      const answer = await embed(house.developer, 'Words that are worth paying for twice.');
      if (answer.headers.get('x-mizan-cache') !== 'hit') return undefined;
      const { reused, completed } = await recordOf(house.developer, recordIn(answer));
      return completed === undefined ? undefined : { reused: reused!, completed, record: recordIn(answer) };
    };
    const { reused, completed, record } = await eventually('an answer given again to have its price', charged);
    expect(reused).toMatchObject({ chargeNanos: '3', decision: 'permit' });
    expect(completed).toMatchObject({ outcome: 'reused', usage: { inputTokens: 0, outputTokens: 0, meters: { cache_hits: 1 } }, chargeNanos: '3', receipt: null });
    expect(completed).not.toHaveProperty('machine');
    await eventually('the charge to be in the books', async () => ((await house.developer.send('GET', `/v1/charges/${record}`)).status === 200 ? true : undefined));
    expect(await house.developer.get(`/v1/charges/${record}`)).toMatchObject({ amountNanos: '3', meters: { cache_hits: 1 } });
    await publish([]);
  });

  it('leaves the six invariants true', async () => {
    const { invariants, code } = await stack.verify();
    expect({ code, broken: invariants.filter(({ holds }) => !holds) }).toEqual({ code: 0, broken: [] });
  });
});
