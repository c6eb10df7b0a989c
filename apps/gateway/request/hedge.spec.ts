import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure, openRecordBody } from '#protocol';
import type { CompletedFacts } from '#protocol';
import type { JobRequest, JobResult } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll, sealKeys, uuidOf } from '../examples.js';
import { endsOfRace, warmFrom } from './hedge-harness.js';
import { HedgeShares } from './hedge.js';
import type { InferenceJob } from './inference-job.js';
import { EndlessLeases, examplePipeline } from './pipeline-harness.js';
import type { RequestPipeline } from './request-pipeline.js';

describe('a request that is slow, of a project that pays twice for speed', () => {
  const { project } = exampleJob();
  const slow = uuidOf(0x4fff);
  let world: ExampleWorld;
  let log: MemoryLog;
  let clock: ManualClock;
  let ran: JobRequest[];
  let next: number;
  let pipeline: RequestPipeline;
  /** How a machine takes the slow request. */
  let slowly: (request: JobRequest, result: JobResult) => Promise<JobResult>;

  const untilAborted = ({ signal }: JobRequest): Promise<JobResult> => new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error)));
  const ask = (id = uuidOf((next += 1)), changes: Partial<InferenceJob> = {}) => pipeline.run(exampleJob({ id, ...changes }));
  /** Requests of 10 ms each, until both machines are known; then the project pays for any request twice. */
  const warm = async (): Promise<void> => {
    for (let n = 0; n < 100; n += 1) await ask();
    world.limit('project', project.id, { hedge: { maxShare: 1 } });
  };
  const completed = (count: number): Promise<CompletedFacts[]> => endsOfRace(log, count);

  beforeEach(() => {
    world = new ExampleWorld();
    world.offer(1, { capacity: 50 });
    world.offer(2, { capacity: 50 });
    world.policy(permitAll);
    [log, clock, ran, next, slowly] = [new MemoryLog(), new ManualClock(), [], warmFrom, untilAborted];
    pipeline = examplePipeline(world, log, clock, new EndlessLeases(), (request): Promise<JobResult> => {
      ran.push(request);
      const result: JobResult = { status: 200, contentType: 'application/json', body: Buffer.from(`{"by":"${request.offer}"}`), usage: { inputTokens: 7, outputTokens: 0 }, receipt: { bytes: 'AA==', signature: 'AA==' } };
      if (request.record === slow) return slowly(request, result);
      clock.ms += 10;
      return Promise.resolve(result);
    }).pipeline;
  });

  it('is answered by a second machine, and the first is cancelled; each has a record of its own and costs what it made', async () => {
    await warm();
    const answer = await ask(slow);
    const [first, second] = ran.slice(-2) as [JobRequest, JobRequest];
    expect(second.offer).not.toBe(first.offer);
    expect(first.signal!.aborted).toBe(true);
    expect(answer).toMatchObject({ record: second.record, body: Buffer.from(`{"by":"${second.offer}"}`) });
    const ends = await completed(2);
    expect(ends.map(({ record, outcome, offer, chargeNanos }) => ({ record, outcome, offer, chargeNanos }))).toEqual(
      expect.arrayContaining([
        { record: slow, outcome: 'cancelled', offer: first.offer, chargeNanos: 0n },
        { record: second.record, outcome: 'ok', offer: second.offer, chargeNanos: 140n },
      ]),
    );
    const admitted = log.records.find(({ type, id }) => type === 'admitted' && id === second.record)!;
    expect(openRecordBody(admitted.id, admitted.type, admitted.body!, sealKeys.privateKey).fields).toMatchObject({ hedgeOf: slow, decision: 'permit' });
    // The books are told in clear which request it belongs to, and of no other request anything of the kind.
    expect(admitted.facts).toMatchObject({ kind: 'admitted', hedgeOf: slow });
    expect(log.records.filter(({ facts }) => facts !== null && 'hedgeOf' in facts)).toEqual([admitted]);
  });

  it('conformance 30: is charged twice when both machines have done the work, each under its own record and receipt', async () => {
    await warm();
    slowly = async (request, result) => untilAborted(request).catch(() => result);
    const answer = await ask(slow);
    const ends = await completed(2);
    expect(ends.map(({ outcome, chargeNanos, receipt }) => [outcome, chargeNanos, receipt !== null])).toEqual([['ok', 140n, true], ['ok', 140n, true]]);
    expect(answer.record).not.toBe(slow);
  });

  it('is not asked twice before its machine is known, by a project that did not allow it, as a line of a batch, nor with one machine', async () => {
    const alone = async (changes: Partial<InferenceJob> = {}): Promise<void> => {
      const before = ran.length;
      const client = new AbortController();
      const asked = ask(slow, { signal: client.signal, ...changes });
      setTimeout(() => client.abort(failure('DEADLINE_EXCEEDED', 'the client went away')), 60);
      await expect(asked).rejects.toMatchObject({ code: expect.any(String) as unknown });
      expect(ran.length - before).toBe(1);
    };
    world.limit('project', project.id, { hedge: { maxShare: 1 } });
    await alone();
    world.limits.put(project.id, undefined);
    await warm();
    await alone({ keep: () => Promise.resolve() });
    world.limits.put(project.id, { ...world.limits.get(project.id)!, tenant: uuidOf(77) });
    await alone();
    world.limits.put(project.id, undefined);
    await alone();
    world.limit('project', project.id, { hedge: { maxShare: 1 } });
    world.offers.put(uuidOf(0x102), undefined);
    await alone();
  });

  it('gets the answer of the first when the second may not run', async () => {
    await warm();
    world.limit('key', exampleJob().keyId, { tokensPerMinute: 150 });
    slowly = (_request, result) => new Promise((resolve) => setTimeout(() => resolve(result), 60));
    expect(await ask(slow)).toMatchObject({ record: slow });
  });

  it('is asked twice for no more than its share of requests', () => {
    const shares = new HedgeShares(clock);
    let spent = 0;
    for (let request = 1; request <= 1_000; request += 1) {
      shares.count('p', 0.05);
      if (shares.spend('p')) spent += 1;
      expect(spent).toBeLessThanOrEqual(request * 0.05);
    }
    expect(spent).toBe(50);
    for (let request = 0; request < 1_000; request += 1) shares.count('p', 0.05);
    expect([shares.spend('p'), shares.spend('p'), shares.spend('p'), shares.spend('other')]).toEqual([true, true, false, false]);
  });
});
