import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { AdmittedFacts, CompletedFacts } from '#protocol';
import type { JobEnd, JobRequest, JobStream } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll, uuidOf } from '../examples.js';
import { StreamedChunks } from '../openai/streamed-chunks.js';
import { endsOfRace, warmFrom } from './hedge-harness.js';
import type { InferenceJob } from './inference-job.js';
import { EndlessLeases, examplePipeline } from './pipeline-harness.js';
import type { RequestPipeline } from './request-pipeline.js';
import { StreamOutlet } from './streamed-job.js';

const about = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'chat' };
const piece = (content: string, reason: string | null = null): Buffer => Buffer.from(`data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content }, finish_reason: reason }] })}\n\n`);
/** After how long the machines usually begin; a busy test is quicker. */
const usualMs = 60;
const whole = Buffer.from('data: [DONE]\n\n');

/** A client that keeps what it is given. */
class Client extends StreamOutlet {
  readonly records: string[] = [];
  text = '';
  ended = 0;
  begin(record: string): void {
    this.hasBegun = true;
    this.records.push(record);
  }
  write(bytes: Buffer): Promise<void> {
    this.text += bytes.toString();
    return Promise.resolve();
  }
  end(): void {
    this.ended += 1;
  }
  drop(): void {
    this.ended += 1;
  }
}

type Saying = (said: { signal: AbortSignal; offer: string }) => AsyncGenerator<Buffer>;

describe('a stream that is slow to begin, of a project that pays twice for speed', () => {
  const { project } = exampleJob();
  const slow = uuidOf(0x4fff);
  let world: ExampleWorld;
  let log: MemoryLog;
  let clock: ManualClock;
  let ran: JobRequest[];
  let next: number;
  let pipeline: RequestPipeline;
  /** What the machines say to the slow request: the one that is asked first, and the second. */
  let first: Saying;
  let second: Saying;

  const quick: Saying = async function* ({ offer }) {
    yield piece(`by ${offer}`, 'stop');
    yield whole;
  };
  /** Says nothing until it is told to stop. */
  const mute: Saying = async function* ({ signal }) {
    await new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    yield piece('never');
  };
  const streams = (request: JobRequest): Promise<JobStream> => {
    ran.push(request);
    const signal = request.signal!;
    const says = request.record === slow ? first : ran.filter(({ record }) => record === slow).length > 0 ? second : quick;
    if (says === quick && request.record !== slow) clock.ms += usualMs;
    let settle!: (end: JobEnd) => void;
    const end = new Promise<JobEnd>((resolve) => (settle = resolve));
    async function* body(): AsyncGenerator<Buffer> {
      let pieces = 0;
      try {
        for await (const bytes of says({ signal, offer: request.offer })) {
          signal.throwIfAborted();
          pieces += 1;
          yield bytes;
        }
      } finally {
        settle({ usage: { inputTokens: 7, outputTokens: pieces }, estimated: false, receipt: { bytes: 'AA==', signature: 'AA==' }, responseHash: 'ab'.repeat(32) });
      }
    }
    return Promise.resolve({ status: 200, contentType: 'text/event-stream', body: body(), end });
  };
  const ask = (client: Client, id = uuidOf((next += 1)), changes: Partial<InferenceJob> = {}) =>
    pipeline.run(exampleJob({ id, endpoint: 'chat.completions', model: 'chat', body: Buffer.from('{"model":"chat","stream":true,"messages":[]}'), bound: { inputTokens: 50, outputTokens: 50 }, streamed: { outlet: client, form: () => new StreamedChunks('chat.completions', false) }, ...changes }));
  const completed = (count: number): Promise<CompletedFacts[]> => endsOfRace(log, count);

  beforeEach(async () => {
    world = new ExampleWorld();
    for (const n of [1, 2]) world.offer(n, { model: 'chat', endpoints: ['chat.completions'], capacity: 50 });
    world.policy(permitAll);
    [log, clock, ran, next, first, second] = [new MemoryLog(), new ManualClock(), [], warmFrom, mute, quick];
    pipeline = examplePipeline(world, log, clock, new EndlessLeases(), () => Promise.reject(new Error('everything streams here')), streams).pipeline;
    // Streams that begin as they usually do, until both machines are known; then the project pays for any request twice.
    for (let n = 0; n < 100; n += 1) await ask(new Client());
    world.limit('project', project.id, { hedge: { maxShare: 1 } });
  });

  it('comes from a second machine, and the first is cancelled: one head, one answer, two records', async () => {
    const client = new Client();
    const answer = await ask(client, slow);
    const [one, other] = ran.slice(-2) as [JobRequest, JobRequest];
    expect(other.offer).not.toBe(one.offer);
    expect([one.signal!.aborted, other.signal!.aborted]).toEqual([true, false]);
    expect([answer.record, client.records, client.ended]).toEqual([other.record, [other.record], 1]);
    expect(client.text).toContain(`by ${other.offer}`);
    const ends = await completed(2);
    expect(ends.map(({ record, outcome, chargeNanos }) => ({ record, outcome, isPaid: chargeNanos > 0n }))).toEqual(
      expect.arrayContaining([
        { record: slow, outcome: 'cancelled', isPaid: false },
        { record: other.record, outcome: 'ok', isPaid: true },
      ]),
    );
    expect((log.records.find(({ type, id }) => type === 'admitted' && id === other.record)!.facts as AdmittedFacts).hedgeOf).toBe(slow);
  });

  it('stays with the machine that has begun, however long the rest takes: no second one is asked', async () => {
    first = async function* ({ offer }) {
      yield piece('The ');
      await new Promise((resolve) => setTimeout(resolve, 4 * usualMs));
      yield piece(`end, by ${offer}`, 'stop');
      yield whole;
    };
    const before = ran.length;
    const client = new Client();
    expect(await ask(client, slow)).toMatchObject({ record: slow });
    expect([ran.length - before, client.records, client.ended]).toEqual([1, [slow], 1]);
  });

  it('that begins after the other one is cancelled, and nothing that it says reaches the client; it is paid for what it made', async () => {
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    first = async function* () {
      await begun;
      yield piece('too late');
      await new Promise((resolve) => setTimeout(resolve, 50));
      yield piece('and more', 'stop');
      yield whole;
    };
    second = async function* ({ offer }) {
      yield piece('The ');
      begin();
      await new Promise((resolve) => setTimeout(resolve, 100));
      yield piece(`end, by ${offer}`, 'stop');
      yield whole;
    };
    const client = new Client();
    const answer = await ask(client, slow);
    expect([answer.record === slow, client.records.length, client.ended]).toEqual([false, 1, 1]);
    expect(client.text).not.toMatch(/too late|and more/);
    expect(client.text).toContain('end, by');
    expect((await completed(2)).find(({ record }) => record === slow)).toMatchObject({ outcome: 'cancelled' });
  });

  it('that breaks after its first event is cut, and the other is not heard of again', async () => {
    second = async function* () {
      yield piece('The ');
      throw failure('NODE_UNREACHABLE', 'gone');
    };
    const client = new Client();
    await expect(ask(client, slow)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect([client.records.length, client.ended]).toEqual([1, 1]);
    expect((await completed(2)).map(({ outcome }) => outcome).sort()).toEqual(['cancelled', 'cut']);
  });

  it('of a client that leaves is cancelled on both machines', async () => {
    second = mute;
    const client = new Client();
    const gone = new AbortController();
    const asked = ask(client, slow, { signal: gone.signal });
    while (ran.at(-1)!.record === slow || ran.at(-2)!.record !== slow) await new Promise((resolve) => setTimeout(resolve, 5));
    gone.abort(failure('DEADLINE_EXCEEDED', 'the client went away'));
    await expect(asked).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect((await completed(2)).map(({ outcome, chargeNanos }) => [outcome, chargeNanos])).toEqual([['cancelled', 0n], ['cancelled', 0n]]);
    expect(client.records).toEqual([]);
  });
});
