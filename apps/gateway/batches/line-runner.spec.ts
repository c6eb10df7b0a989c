import { describe, expect, it } from '@jest/globals';
import { AllowList } from '#outbound';
import { failure } from '#protocol';
import type { ClaimedLine, KeyEntry } from '#protocol';
import { ManualClock, MemoryView, tenant, uuidOf } from '../examples.js';
import type { InferenceAnswer, InferenceJob } from '../request/inference-job.js';
import { LineLost } from './line-queue.js';
import { ImageInliner } from '../images/inline-images.js';
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

describe('a line that a gateway runs', () => {
  async function run(pipeline: (job: InferenceJob) => Promise<InferenceAnswer>, more: { body?: string; keep?: () => Promise<void> } = {}) {
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
    await new LineRunner(queue, { get: () => key }, { tenants: new MemoryView(new Map([[tenant.tenant, tenant]])) }, { run: pipeline }, new ImageInliner(new AllowList()), new ManualClock()).run(line);
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

  it('is left to whoever has it', async () => {
    const { kept, returned } = await run(async (job) => {
      await job.keep!(ok);
      return ok;
    }, { keep: () => Promise.reject(new LineLost()) });
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
