import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExampleWorld, ManualClock, exampleJob, tenant, uuidOf } from '../examples.js';
import { LiveGateways } from '../limits/live-gateways.js';
import { Limiter } from './limit.js';
import type { Passage } from './limit.js';

const job = exampleJob();
const project = job.project.id;

describe('limits', () => {
  let world: ExampleWorld;
  let clock: ManualClock;
  beforeEach(() => {
    world = new ExampleWorld();
    clock = new ManualClock();
  });
  const limiter = (standing = { gateways: 1, rank: 0 }): Limiter => new Limiter(world.replicated, { standing: () => standing }, clock);
  /** How many of `tries` are let in now. */
  const admitted = (by: Limiter, tries: number, of = job): Passage[] =>
    Array.from({ length: tries }).flatMap(() => {
      try {
        return [by.admit(of)];
      } catch {
        return [];
      }
    });

  it('bind nobody who has none', () => {
    const free = limiter();
    expect(admitted(free, 1_000)).toHaveLength(1_000);
    expect(free.admit(job).headers()).toEqual({});
  });

  it('of requests refuse with the moment of the next one, and count nothing that was refused', () => {
    world.limit('project', project, { requestsPerMinute: 60 });
    const one = limiter();
    expect(admitted(one, 100)).toHaveLength(60);
    clock.ms += 250;
    expect(() => one.admit(job)).toThrow(expect.objectContaining({ code: 'RATE_LIMITED', details: { retryAfterMs: 750, headers: { 'x-ratelimit-limit-requests': '60', 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m0s' } } }));
    clock.ms += 750;
    expect(admitted(one, 5)).toHaveLength(1);
  });

  it('of organisation, project and key all bind: a request counts under all of them or none', () => {
    world.limit('organisation', tenant.tenant, { requestsPerMinute: 3 });
    world.limit('key', job.keyId, { requestsPerMinute: 2 });
    const one = limiter();
    expect(admitted(one, 5)).toHaveLength(2);
    // The three that the key's limit refused took nothing from the organisation's.
    expect(admitted(one, 5, exampleJob({ keyId: uuidOf(5) }))).toHaveLength(1);
  });

  it("of another organisation's do not bind, whatever id they are filed under", () => {
    world.limits.put(project, { ...{ requestsPerMinute: 1, tokensPerMinute: null, concurrentRequests: null, models: null, cacheSeconds: null, spend: null, semanticCache: null, hedge: null, answers: null, responseSeconds: null }, tenant: uuidOf(77), scope: 'project', subject: project, changedAtMs: 1 });
    expect(admitted(limiter(), 5)).toHaveLength(5);
  });

  it('of concurrency count what runs, and let the next in when one has left', () => {
    world.limit('key', job.keyId, { concurrentRequests: 2 });
    const one = limiter();
    const [first] = admitted(one, 5);
    expect(() => one.admit(job)).toThrow(expect.objectContaining({ code: 'CONCURRENCY_LIMITED' }));
    first!.leave();
    first!.leave();
    expect(admitted(one, 5)).toHaveLength(1);
  });

  it('of tokens reserve the most and count what was used', () => {
    world.limit('project', project, { tokensPerMinute: 1_000 });
    const passage = limiter().admit(job);
    const hold = passage.reserve(900);
    expect(() => passage.reserve(200)).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
    hold.settle(100);
    hold.settle(100);
    expect(passage.headers()).toMatchObject({ 'x-ratelimit-limit-tokens': '1000', 'x-ratelimit-remaining-tokens': '900', 'x-ratelimit-reset-tokens': '6s' });
    passage.reserve(900);
    expect(() => passage.reserve(1_001)).toThrow(expect.objectContaining({ code: 'TOKENS_OVER_LIMIT' }));
  });

  it('of models name those that may run', () => {
    world.limit('project', project, { models: ['small'] });
    const passage = limiter().admit(job);
    passage.assertAllowed('small');
    expect(() => passage.assertAllowed('large')).toThrow(expect.objectContaining({ code: 'MODEL_NOT_ALLOWED', kind: 'denied' }));
  });

  it('change and end as soon as the replica says so', () => {
    world.limit('project', project, { requestsPerMinute: 1 });
    const one = limiter();
    expect(admitted(one, 5)).toHaveLength(1);
    world.limits.put(project, undefined);
    expect(admitted(one, 5)).toHaveLength(5);
  });

  it('hold over several gateways together: never more than the limit at once, nor than limit × time after', () => {
    const shape = fc.record({ limit: fc.integer({ min: 1, max: 40 }), gateways: fc.integer({ min: 1, max: 5 }), minutes: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(shape, ({ limit, gateways, minutes }) => {
        world.limit('organisation', tenant.tenant, { requestsPerMinute: limit, concurrentRequests: limit * (minutes + 1) + gateways });
        const all = Array.from({ length: gateways }, (_, rank) => limiter({ gateways, rank }));
        const burst = Math.max(limit, gateways);
        let passed = all.flatMap((one) => admitted(one, 60)).length;
        expect(passed).toBe(burst);
        for (let second = 0; second < minutes * 60; second += 1) {
          clock.ms += 1_000;
          passed += all.flatMap((one) => admitted(one, 2)).length;
        }
        expect(passed).toBeLessThanOrEqual(burst + limit * minutes);
        expect(passed).toBeGreaterThanOrEqual(burst + limit * minutes - gateways);
      }),
      { numRuns: 40 },
    );
  });

  it('of concurrency hold over several gateways together', () => {
    world.limit('organisation', tenant.tenant, { concurrentRequests: 7 });
    expect([0, 1, 2].flatMap((rank) => admitted(limiter({ gateways: 3, rank }), 20))).toHaveLength(7);
  });
});

describe('the gateways that live', () => {
  it('are those that were heard within three beats, oneself included', () => {
    const clock = new ManualClock();
    const live = new LiveGateways('gw-b', clock);
    expect(live.standing()).toEqual({ gateways: 1, rank: 0 });
    live.heard({ gateway: 'gw-a', state: 'hello' });
    live.heard({ gateway: 'gw-b', state: 'here' });
    clock.ms += 2_000;
    live.heard({ gateway: 'gw-c', state: 'here' });
    expect(live.standing()).toEqual({ gateways: 3, rank: 1 });
    clock.ms += 1_001;
    expect(live.standing()).toEqual({ gateways: 2, rank: 0 });
    clock.ms += 10_000;
    expect(live.standing()).toEqual({ gateways: 1, rank: 0 });
    // An outage of the bus silences everybody: nobody takes the others' shares when it ends.
    live.reconnected();
    expect(live.standing()).toEqual({ gateways: 3, rank: 1 });
    live.heard({ gateway: 'gw-a', state: 'gone' });
    live.heard({ gateway: 'gw-c', state: 'gone' });
    expect(live.standing()).toEqual({ gateways: 1, rank: 0 });
  });
});
