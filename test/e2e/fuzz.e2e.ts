import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { operations, requestsOf } from '../fuzz/operations.js';
import type { FormFields, FuzzedRequest, Known } from '../fuzz/operations.js';
import { anywhere, foundEnterprise } from './enterprise.js';
import type { Enterprise } from './enterprise.js';
import { eventually } from './eventually.js';
import { joinLlama } from './llama-node.js';
import { MediaEngine } from './media-engine.js';
import { oneStack } from './one-stack.js';
import { OutsideNode } from './outside-node.js';
import { embed, embeddedModel, recordIn } from './requests.js';
import type { Answer, RestApi } from './rest-api.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

/** Requests for each endpoint: seconds in all; `npm run soak:gateway` sends many more. */
const runs = Number(process.env['MIZAN_FUZZ_RUNS'] ?? 15);
const patienceMs = 300_000 + runs * 1_000;

/** What the README says may happen however right a request is: a machine that is gone, a chain that does not answer. */
const unavailable = new Set(['NO_OFFER', 'NODE_UNREACHABLE', 'CHAIN_UNAVAILABLE']);
/** Words of the inside, and of another organisation, that no error may hold. */
const insideWords = /node_modules|\.[tj]s:\d|pg_|relation "|SQL|syntax error at|ECONN|NatsError|Postgres|TypeORM|QueryFailed|invalid byte sequence|Secret neighbour/;

let stack: StandaloneStack;
let own: Enterprise;
let platform: RestApi;
let known: Known;

beforeAll(async () => {
  stack = await oneStack();
  platform = stack.rest(stack.run.adminKey);
  own = await foundEnterprise(stack, 'Fuzzed house', { policy: anywhere, budgetNanos: 10n ** 12n });
  const neighbour = await foundEnterprise(stack, 'Secret neighbour', { policy: anywhere, budgetNanos: 10n ** 9n });
  const record = recordIn(await embed(own.developer, 'A first request.'));
  const offers = (await own.developer.get<{ data: { id: string }[] }>('/v1/offers')).data.map(({ id }) => id);
  known = { tenant: [own.tenant, neighbour.tenant], project: [own.project, neighbour.project], key: [own.developerKeyId, neighbour.developerKeyId], record: [record], id: [record, neighbour.tenant], offer: offers, model: [embeddedModel] };
}, stackMs);

const services = ['gateway', 'governance', 'billing', 'scheduler', 'settlement'];
const logOf = (service: string): Buffer => readFileSync(stack.path('log', `${service}.log`));
const restarts = (): number => stack.output().split(' runs again (').length;

const settings = { numRuns: runs, ...(process.env['MIZAN_FUZZ_SEED'] ? { seed: Number(process.env['MIZAN_FUZZ_SEED']) } : {}) };

/** A form as browsers send it; text that is no form, under the head of one. */
function send(caller: RestApi, { method, path, headers, body }: FuzzedRequest): Promise<Answer> {
  if (typeof body !== 'object') return caller.send(method, path, body, headers);
  const form = new FormData();
  for (const [name, value] of body) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, new Blob([value]), 'file.wav');
  }
  return caller.send(method, path, form, headers);
}

/** `isPlatform`: the neighbour's name is the platform's to see. What was sent is the sender's to read again. */
function expectNoFaultOfOurs({ status, error, headers, bytes }: Answer, isPlatform: boolean): void {
  if (status >= 500) expect({ status, error, isDocumented: unavailable.has(error?.code ?? '') }).toEqual({ status, error, isDocumented: true });
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  if (status < 400) return;
  // An engine's own refusal is told as the engine put it, under its record, and may have no code.
  const code: unknown = error?.code === null && headers.has('x-mizan-record') ? null : expect.any(String);
  expect(error).toMatchObject({ message: expect.any(String), type: expect.any(String), code });
  expect(error).toHaveProperty('param');
  if (!isPlatform) expect(bytes.toString()).not.toMatch(insideWords);
}

describe('whatever is sent to an endpoint of the OpenAPI document', () => {
  let bytesBefore: Map<string, number>;
  let restartsBefore: number;

  beforeAll(() => {
    bytesBefore = new Map(services.map((name) => [name, logOf(name).length]));
    restartsBefore = restarts();
  });

  // Before the rest: among that is what takes keys away and sets limits.
  describe('on its way to a machine', () => {
    const engine = new MediaEngine();
    const recording = engine.sound.toString('latin1');
    const nodes: OutsideNode[] = [];
    /** For each endpoint a model that serves it, and a body that is answered. */
    const served: Record<string, { model: string; right: object | FormFields; limit?: string }> = {
      '/v1/chat/completions': { model: 'tiny', right: { messages: [{ role: 'user', content: 'a' }] }, limit: 'max_tokens' },
      '/v1/completions': { model: 'tiny', right: { prompt: 'a' }, limit: 'max_tokens' },
      '/v1/responses': { model: 'tiny', right: { input: 'a' }, limit: 'max_output_tokens' },
      '/v1/embeddings': { model: embeddedModel, right: { input: 'a' } },
      '/v1/moderations': { model: 'judge', right: { input: 'a' } },
      '/v1/images/generations': { model: 'brush', right: { prompt: 'a' } },
      '/v1/audio/speech': { model: 'my-voice', right: { input: 'a', voice: 'b' } },
      '/v1/audio/transcriptions': { model: 'whisper-tiny', right: [['model', 'whisper-tiny'], ['file', engine.sound]] },
    };

    beforeAll(async () => {
      nodes.push(await joinLlama(stack, 'fuzzed-llama', { input: '1', output: '1' }));
      const endpoints = 'judge=moderations,brush=images.generations,my-voice=audio.speech';
      nodes.push(await OutsideNode.join(stack, 'fuzzed-media', { input: '2', output: '4' }, 'my-voice', ['--engine', await engine.listen(), '--model-endpoints', endpoints, '--price-meters', 'images=0.04,audio_ms=0.0001']));
      for (const { model } of Object.values(served)) await eventually(`the model ${model}`, async () => ((await own.developer.send('GET', `/v1/models/${model}`)).status === 200 ? true : undefined));
    }, stackMs);
    afterAll(async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      engine.close();
    });

    it.each(operations.flatMap((operation) => (operation.method === 'POST' && operation.path in served ? [[operation.path, operation] as const] : [])))('%s answers what is right, and the rest with no fault of ours', async (path, operation) => {
      const { model, right, limit } = served[path]!;
      const members = { model, ...(limit && { [limit]: 16 }) };
      const first: FuzzedRequest = { method: 'POST', path, headers: {}, body: Array.isArray(right) ? (right as FormFields) : JSON.stringify({ ...members, ...right }) };
      expect((await send(own.developer, first)).status).toBe(200);
      await fc.assert(
        fc.asyncProperty(requestsOf(operation, { ...known, model: [model], file: [recording] }, members), async (request) => {
          const answer = await send(own.developer, request);
          expectNoFaultOfOurs(answer, false);
          expect(answer.error?.code).not.toBe('MODEL_NOT_FOUND');
        }),
        settings,
      );
    }, patienceMs);
  });

  it.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))('%s answers with no fault of ours, in the shape of all errors', async (_name, operation) => {
    const callers = [own.developer, own.admin, platform, stack.rest('')];
    await fc.assert(
      fc.asyncProperty(requestsOf(operation, known), fc.constantFrom(0, 0, 1, 1, 2, 2, 3), async (request, who) => {
        expectNoFaultOfOurs(await send(callers[who]!, request), who === 2);
      }),
      settings,
    );
  }, patienceMs);

  it('leaves every process as it was, nothing unhandled in their logs, and the next request served', async () => {
    for (const name of services) {
      stack.processOf(name);
      expect({ name, faults: logOf(name).subarray(bytesBefore.get(name)).toString().split('\n').filter((line) => /request failed|unhandled|Unhandled|"level":(50|60)/.test(line)) }).toEqual({ name, faults: [] });
    }
    expect(restarts()).toBe(restartsBefore);
    // The fuzzed house may have limited itself, and a machine have become too dear for anybody.
    expect([200, 402]).toContain((await embed(stack.rest(), 'Still there?')).status);
  });
});
