import { describe, expect, it } from '@jest/globals';
import { AllowList } from '#outbound';
import { failure } from '#protocol';
import type { Appended, BackgroundEnd, ClaimedResponse, KeyEntry } from '#protocol';
import { ManualClock, MemoryView, tenant, uuidOf } from '../examples.js';
import { ImageInliner } from '../images/inline-images.js';
import { JobLost, Unwanted } from '../jobs/job-queue.js';
import { Leaving } from '../jobs/run-ends.js';
import type { InferenceAnswer, InferenceJob } from '../request/inference-job.js';
import { failureOf, ResponseRunner } from './response-runner.js';
import { lastEvent } from './sent-events.js';

const claimed: ClaimedResponse = {
  ...{ job: uuidOf(0x10), fence: 1, attempt: 1, record: uuidOf(0x10), tenant: tenant.tenant, project: uuidOf(3), keyId: uuidOf(4) },
  declared: { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] },
  ...{ createdAtMs: 7_000, events: 2, eventBytes: 0, remainingMs: 5_000, url: 'http://scheduler.invalid/response-runs' },
};
const key: KeyEntry = { hash: 'ab'.repeat(32), keyId: uuidOf(4), tenant: tenant.tenant, project: null, role: 'developer', expiresAtMs: null };
const ok: InferenceAnswer = { status: 200, contentType: 'text/event-stream', body: Buffer.alloc(0), engineBody: Buffer.alloc(0), record: claimed.record, usage: { inputTokens: 3, outputTokens: 1 } };
const stored = JSON.stringify({ v: 1, response: {}, input: [{ type: 'message', id: 'msg_1', role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'a' }] }], dataClass: 'internal', request: { model: 'm', background: true, instructions: 'Weigh.' } });
const says = (content: string, finish: string | null = null): Buffer => Buffer.from(JSON.stringify({ id: 'c', created: 9, model: 'engine', choices: [{ index: 0, delta: { content }, finish_reason: finish }] }));

type Ended = { end: BackgroundEnd; response: Record<string, unknown> };

describe('a response that a gateway runs in the background', () => {
  async function run(pipeline: (job: InferenceJob, abort: AbortController) => Promise<InferenceAnswer>, more: { append?: (end?: BackgroundEnd) => Promise<Appended>; key?: KeyEntry; content?: string } = {}) {
    const ended: Ended[] = [];
    const returned: string[] = [];
    const abort = new AbortController();
    const queue = {
      read: () => Promise.resolve(Buffer.from(more.content ?? stored)),
      append: async (_claimed: unknown, _first: number, _count: number, events: Buffer, end?: BackgroundEnd) => {
        const answer = await (more.append?.(end) ?? Promise.resolve({ isCancelled: false, isKept: true }));
        if (end !== undefined && answer.isKept) ended.push({ end, response: lastEvent(events)! });
        return answer;
      },
      assertHeld: () => Promise.resolve(),
      nextRecord: () => Promise.resolve(uuidOf(0x13)),
      giveBack: async (_claimed: unknown, why: string) => void returned.push(why),
    };
    await new ResponseRunner(queue, { get: () => ('key' in more ? more.key : key) }, { tenants: new MemoryView(new Map([[tenant.tenant, tenant]])) }, { run: (job) => pipeline(job, abort) }, new ImageInliner(new AllowList()), new ManualClock()).run(claimed, abort.signal);
    return { ended, returned };
  }
  /** As the pipeline does: the head leaves, then pieces. */
  async function begun({ streamed }: InferenceJob, ...pieces: Buffer[]): Promise<void> {
    const form = streamed!.form();
    streamed!.outlet.begin(claimed.record);
    for (const piece of pieces) await streamed!.outlet.write(form.take(piece)!);
  }
  const whole = async (job: InferenceJob): Promise<InferenceAnswer> => {
    await begun(job, says('Bal'), says('anced.', 'stop'));
    await job.keep!(ok);
    return ok;
  };
  const refused = (error: Error) => () => Promise.reject(error);

  it('is a request as it would be by itself, streamed, under its own record and until its time is over', async () => {
    const jobs: InferenceJob[] = [];
    const { ended, returned } = await run((job) => (jobs.push(job), whole(job)));
    expect(jobs).toMatchObject([{ id: claimed.record, endpoint: 'chat.completions', model: 'm', keyId: claimed.keyId, mayBeRecorded: false, untilMs: new ManualClock().nowMs() + 5_000 }]);
    expect(JSON.parse(jobs[0]!.body.toString())).toMatchObject({ stream: true, stream_options: { include_usage: true }, messages: [{ role: 'system', content: 'Weigh.' }, { role: 'user', content: 'a' }] });
    expect(returned).toEqual([]);
    expect(ended).toMatchObject([{ end: 'completed', response: { id: `resp_${claimed.job.replaceAll('-', '')}`, status: 'completed', background: true, store: true, created_at: 7, usage: { input_tokens: 3, output_tokens: 1 }, output: [{ content: [{ text: 'Balanced.' }] }] } }]);
  });

  it('that was cancelled while it ended says so, once', async () => {
    const { ended } = await run(whole, { append: (end) => Promise.resolve({ isCancelled: true, isKept: end === undefined || end === 'cancelled' }) });
    expect(ended).toMatchObject([{ end: 'cancelled', response: { status: 'cancelled', output: [{ content: [{ text: 'Balanced.' }] }] } }]);
  });

  it('stops its machine when it hears that it was cancelled, and keeps what was said', async () => {
    const heard = await run(async (job) => {
      await begun(job, says('half'));
      while (!job.signal.aborted) await new Promise((resolve) => setImmediate(resolve));
      await job.keep!(undefined);
      throw failure('DEADLINE_EXCEEDED', 'gone', { record: claimed.record });
    }, { append: () => Promise.resolve({ isCancelled: true, isKept: true }) });
    expect(heard).toMatchObject({ ended: [{ end: 'cancelled', response: { output: [{ status: 'incomplete', content: [{ text: 'half' }] }] } }], returned: [] });
    const told = await run(async (job, abort) => {
      abort.abort(new Unwanted());
      await job.keep!(undefined);
      throw failure('DEADLINE_EXCEEDED', 'gone', { record: claimed.record });
    });
    expect(told).toMatchObject({ ended: [{ end: 'cancelled', response: { output: [] } }], returned: [] });
  });

  it('that breaks off after its first words has failed, and is not run again: what came is charged', async () => {
    const { ended, returned } = await run(async (job) => {
      await begun(job, says('half'));
      await job.keep!(undefined);
      throw failure('ENGINE_FAILED', 'the answer broke off', { record: claimed.record });
    });
    expect([ended.map(({ end }) => end), returned]).toEqual([['failed'], []]);
    expect(ended[0]!.response).toMatchObject({ status: 'failed', error: { code: 'server_error', message: expect.stringContaining('broke off') }, output: [{ content: [{ text: 'half' }] }] });
  });

  it.each<[string, (job: InferenceJob, abort: AbortController) => Promise<InferenceAnswer>, string[]]>([
    ['run again when no machine is free', refused(failure('NO_CAPACITY', 'busy')), ['again']],
    ['run again under a new record when machines failed before the first word', refused(failure('NODE_UNREACHABLE', 'away', { record: claimed.record })), ['ended']],
    ['run again when it was known that no record could be written', refused(failure('RECORD_UNAVAILABLE', 'away', { isBegun: false })), ['again']],
    ['a question for the books when its record could not be written', refused(failure('RECORD_UNAVAILABLE', 'away')), ['unsure']],
    [
      'left to another gateway when this one stops, its record open',
      async (job, abort) => {
        await begun(job, says('half'));
        abort.abort(new Leaving());
        await job.keep!(undefined);
        return ok;
      },
      ['left'],
    ],
    [
      'left to whoever has it by now',
      async (job, abort) => {
        abort.abort(new JobLost());
        await job.keep!(undefined);
        return ok;
      },
      [],
    ],
  ])('is %s', async (_what, pipeline, back) => {
    expect(await run(pipeline)).toEqual({ ended: [], returned: back });
  });

  it('is a question for the books when its end could not be stored: its record is open', async () => {
    expect(await run(whole, { append: (end) => (end === undefined ? Promise.resolve({ isCancelled: false, isKept: true }) : Promise.reject(failure('SERVICE_UNAVAILABLE', 'away'))) })).toEqual({ ended: [], returned: ['unsure'] });
  });

  it('has failed when no other run could do better, in one of the codes that clients know', async () => {
    expect((await run(refused(failure('BUDGET_EXHAUSTED', 'the budget is spent', { record: claimed.record })))).ended).toMatchObject([{ end: 'failed', response: { error: { code: 'rate_limit_exceeded', message: 'BUDGET_EXHAUSTED: the budget is spent' } } }]);
    expect(failureOf(failure('REQUEST_INVALID', 'no'))).toMatchObject({ code: 'invalid_prompt' });
    expect(failureOf(failure('POLICY_DENIED', 'no'))).toEqual({ code: 'server_error', message: 'POLICY_DENIED: no' });
    expect(failureOf(new Error('a secret')).message).not.toContain('secret');
  });

  it.each(['{"v":1}', 'x', stored.replace('"model":"m"', '"model":7')])('has failed when what is stored of it cannot be read: another run could not either (%#)', async (content) => {
    const { ended, returned } = await run(() => Promise.reject(new Error('it ran')), { content });
    expect([ended, returned]).toMatchObject([[{ end: 'failed', response: { status: 'failed', error: { message: expect.stringContaining('cannot be read') } } }], []]);
  });

  it('does not run under a key that may not any more', async () => {
    const job = (): Promise<InferenceAnswer> => Promise.reject(new Error('it ran'));
    expect(await run(job, { key: undefined as never })).toEqual({ ended: [], returned: ['revoked'] });
    expect(await run(job, { key: { ...key, project: uuidOf(77) } })).toEqual({ ended: [], returned: ['revoked'] });
  });
});
