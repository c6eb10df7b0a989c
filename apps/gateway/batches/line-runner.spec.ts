import { describe, expect, it } from '@jest/globals';
import { AllowList } from '#outbound';
import { failure } from '#protocol';
import type { ClaimedLine, KeyEntry } from '#protocol';
import { ManualClock, MemoryView, tenant, uuidOf } from '../examples.js';
import type { InferenceAnswer, InferenceJob } from '../request/inference-job.js';
import { JobLost } from '../jobs/job-queue.js';
import { ImageInliner } from '../images/inline-images.js';
import type { LineReaders } from './line-request.js';
import { LineRunner } from './line-runner.js';

const line: ClaimedLine = {
  job: uuidOf(0x10),
  fence: 1,
  attempt: 1,
  batch: uuidOf(0x11),
  record: uuidOf(0x12),
  tenant: tenant.tenant,
  project: uuidOf(3),
  keyId: uuidOf(4),
  endpoint: 'chat.completions',
  declared: { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] },
  url: 'http://scheduler.invalid/lines',
};
const key: KeyEntry = { hash: 'ab'.repeat(32), keyId: uuidOf(4), tenant: tenant.tenant, project: null, role: 'developer', expiresAtMs: null };
const ok: InferenceAnswer = { status: 200, contentType: 'application/json', body: Buffer.from('{}'), engineBody: Buffer.from('{}'), record: line.record };

/** Of a response `resp_1`, about data of a higher class, and of others about persons. */
const responses: LineReaders['responses'] = {
  goingOn: async (_scope, _id, whole) => {
    if (whole.previous_response_id === 'resp_persons') return { whole, before: { v: 1, response: {}, input: [], dataClass: 'internal', persons: ['a', 'b'] } };
    if (whole.previous_response_id === 'resp_person') return { whole, before: { v: 1, response: {}, input: [], dataClass: 'internal', persons: ['a'] } };
    if (whole.previous_response_id !== 'resp_1') return { whole, before: undefined };
    return { whole: { ...whole, input: [{ role: 'user', content: 'before' }, { role: 'user', content: whole.input as string }] }, before: { v: 1, response: {}, input: [], dataClass: 'confidential' } };
  },
};

describe('a line that a gateway runs', () => {
  async function run(pipeline: (job: InferenceJob) => Promise<InferenceAnswer>, more: { body?: string; endpoint?: ClaimedLine['endpoint']; subject?: string; keep?: () => Promise<void> } = {}) {
    const kept: [good: boolean, answer: { custom_id: string; response: { status_code: number; request_id: string } }][] = [];
    const returned: string[] = [];
    const queue = {
      read: async () => Buffer.from(`{"custom_id":"c","body":${more.body ?? '{"model":"m","messages":[{"role":"user","content":"a"}]}'}}`),
      keep: async (_line: ClaimedLine, good: boolean, answer: Buffer) => {
        await more.keep?.();
        kept.push([good, JSON.parse(answer.toString()) as never]);
      },
      assertHeld: async () => more.keep?.(),
      nextRecord: async () => uuidOf(0x13),
      giveBack: async (_line: ClaimedLine, why: string) => void returned.push(why),
    };
    await new LineRunner(queue, { get: () => key }, { tenants: new MemoryView(new Map([[tenant.tenant, tenant]])) }, { run: pipeline }, { images: new ImageInliner(new AllowList()), responses }, new ManualClock()).run({ ...line, endpoint: more.endpoint ?? line.endpoint, declared: { ...line.declared, subject: more.subject ?? null } }, new AbortController().signal);
    return { kept, returned };
  }
  const away = (): Promise<void> => Promise.reject(failure('SERVICE_UNAVAILABLE', 'the store of files cannot be reached'));

  it('is kept, and not given back', async () => {
    const { kept, returned } = await run(async (job) => {
      await job.keep!(ok);
      return ok;
    });
    expect([kept.map(([good]) => good), returned]).toEqual([[true], []]);
  });

  it('is given back as unsure when its answer could not be kept: its record is open', async () => {
    const { returned } = await run(async (job) => {
      await job.keep!(ok);
      return ok;
    }, { keep: away });
    expect(returned).toEqual(['unsure']);
  });

  it('is given back as unsure when it failed and nobody could say whose it is', async () => {
    const { returned } = await run(async (job) => {
      await job.keep!(undefined);
      return ok;
    }, { keep: away });
    expect(returned).toEqual(['unsure']);
  });

  it('is given back as unsure when the word that it failed could not be kept', async () => {
    const { returned } = await run(() => Promise.reject(failure('ENGINE_REFUSED', 'no', { status: 400, record: line.record })), { keep: away });
    expect(returned).toEqual(['unsure']);
  });

  it.each<[ClaimedLine['endpoint'], string]>([['embeddings', '{"model":"m","input":"a"}'], ['completions', '{"model":"m","prompt":"a"}'], ['moderations', '{"model":"m","input":"a"}'], ['responses', '{"model":"m","input":"a"}']])('is a request for %s as it would be by itself', async (endpoint, body) => {
    const jobs: InferenceJob[] = [];
    const ran = async (job: InferenceJob): Promise<InferenceAnswer> => {
      jobs.push(job);
      await job.keep!(ok);
      return ok;
    };
    await run(ran, { endpoint, body });
    expect(jobs).toMatchObject([{ endpoint: endpoint === 'responses' ? 'chat.completions' : endpoint, model: 'm', texts: expect.arrayContaining(['a']), bound: { inputTokens: expect.any(Number) } }]);
    expect((await run(ran, { endpoint, body: '{"model":"m"}' })).kept).toMatchObject([[false, { response: { status_code: 400 } }]]);
  });

  it('is a response that is stored nowhere else, goes on from stored ones, and has at least the class of their data', async () => {
    const asked: InferenceJob[] = [];
    const answer = JSON.stringify({ created: 7, model: 'm', choices: [{ message: { content: 'Balanced.' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
    const ran = async (job: InferenceJob): Promise<InferenceAnswer> => {
      asked.push(job);
      const told = { ...ok, body: await job.adapt(Buffer.from(answer)) };
      await job.keep!(told);
      return told;
    };
    const { kept } = await run(ran, { endpoint: 'responses', body: '{"model":"m","input":"a","previous_response_id":"resp_1","store":true}' });
    expect(JSON.parse(asked[0]!.body.toString())).toMatchObject({ messages: [{ content: 'before' }, { content: 'a' }] });
    expect(asked[0]!.declared.dataClass).toBe('confidential');
    expect(kept).toMatchObject([[true, { response: { status_code: 200, body: { object: 'response', id: `resp_${line.record.replaceAll('-', '')}`, status: 'completed', store: false, previous_response_id: 'resp_1', output: [{ content: [{ text: 'Balanced.' }] }] } } }]]);
    expect((await run(ran, { endpoint: 'responses', body: '{"model":"m","input":"a","background":true}' })).kept).toMatchObject([[false, { response: { status_code: 400, body: { error: { param: 'background' } } } }]]);
  });

  it('goes on from no response about somebody whom its batch does not declare: an erasure would not find what it says', async () => {
    const ran = async (job: InferenceJob): Promise<InferenceAnswer> => {
      await job.keep!(ok);
      return ok;
    };
    const from = async (response: string, subject?: string): Promise<number> => (await run(ran, { endpoint: 'responses', body: `{"model":"m","input":"a","previous_response_id":"${response}"}`, ...(subject !== undefined && { subject }) })).kept[0]![1].response.status_code;
    expect([await from('resp_person'), await from('resp_person', 'b'), await from('resp_persons', 'a'), await from('resp_person', 'a')]).toEqual([400, 400, 400, 200]);
  });

  it('is left to whoever has it', async () => {
    const { kept, returned } = await run(async (job) => {
      await job.keep!(ok);
      return ok;
    }, { keep: () => Promise.reject(new JobLost()) });
    expect([kept, returned]).toEqual([[], []]);
  });

  it('is answered with an error when its body could not be sent by itself either', async () => {
    const deep = `{"model":"m","messages":[{"role":"user","content":"a"}],"x":${'['.repeat(60_000)}${']'.repeat(60_000)}}`;
    const { kept, returned } = await run(() => Promise.resolve(ok), { body: deep });
    expect(returned).toEqual([]);
    expect(kept).toMatchObject([[false, { custom_id: 'c', response: { status_code: 400 } }]]);
  });

  it('names the record under which it was answered', async () => {
    const { kept } = await run(async (job) => {
      await job.nextRecord!();
      await job.keep!(ok);
      return ok;
    });
    expect(kept[0]![1].response.request_id).toBe(uuidOf(0x13));
  });
});
