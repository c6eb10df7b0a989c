import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { operations, requestsOf } from '../fuzz/operations.js';
import { anywhere, foundEnterprise } from './enterprise.js';
import type { Enterprise } from './enterprise.js';
import { oneStack } from './one-stack.js';
import { embed, embeddedModel, recordIn } from './requests.js';
import type { RestApi } from './rest-api.js';
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
let known: Record<string, readonly string[]>;

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

describe('whatever is sent to an endpoint of the OpenAPI document', () => {
  let bytesBefore: Map<string, number>;
  let restartsBefore: number;

  beforeAll(() => {
    bytesBefore = new Map(services.map((name) => [name, logOf(name).length]));
    restartsBefore = restarts();
  });

  it.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))('%s answers with no fault of ours, in the shape of all errors', async (_name, operation) => {
    const callers = [own.developer, own.admin, platform, stack.rest('')];
    await fc.assert(
      fc.asyncProperty(requestsOf(operation, known), fc.constantFrom(0, 0, 1, 1, 2, 2, 3), async (request, who) => {
        const answer = await callers[who]!.send(request.method, request.path, request.body, request.headers);
        const told = { status: answer.status, error: answer.error };
        if (answer.status >= 500) expect({ ...told, isDocumented: unavailable.has(answer.error?.code ?? '') }).toEqual({ ...told, isDocumented: true });
        expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
        if (answer.status < 400) return;
        expect(told.error).toMatchObject({ message: expect.any(String), type: expect.any(String), code: expect.any(String) });
        expect(told.error).toHaveProperty('param');
        // The neighbour's name is the platform's to see, and what was sent is the sender's to read again.
        if (who !== 2) expect(answer.bytes.toString()).not.toMatch(insideWords);
      }),
      { numRuns: runs, ...(process.env['MIZAN_FUZZ_SEED'] ? { seed: Number(process.env['MIZAN_FUZZ_SEED']) } : {}) },
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
