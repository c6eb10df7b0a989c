import { describe, expect, it } from '@jest/globals';
import type { FastifyReply } from 'fastify';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { exampleJob, MemoryView, tenant, uuidOf } from '../examples.js';
import type { Once } from '../idempotency/once.js';
import type { InferenceJob } from '../request/inference-job.js';
import { Inference } from './inference.js';

const principal: Principal = { keyId: uuidOf(4), tenant: tenant.tenant, project: uuidOf(3), role: 'developer' };

describe('a request for inference', () => {
  it('is cancelled from the start when its client has gone before it begins', async () => {
    let seen: InferenceJob | undefined;
    const pipeline = {
      run: (job: InferenceJob) => {
        seen = job;
        return Promise.reject(new Error('enough'));
      },
    };
    const raw = { destroyed: true, writableFinished: false, once: () => raw };
    const { endpoint, model, body, texts, bound } = exampleJob();
    const answering = new Inference({ tenants: new MemoryView(new Map([[tenant.tenant, tenant]])) }, pipeline, {} as Once, { authenticate: () => principal, secretFor: () => '' }, { named: (_tenant, declared) => declared }, { sell: () => Promise.reject(new Error('nothing is sold')) }, { commentMs: 15_000, deadlineMs: 1, streamDeadlineMs: 1 }).answer(
      principal,
      { endpoint, model, body, texts, bound, adapt: (answer) => answer },
      { id: uuidOf(9), headers: {} } as AuthenticatedRequest,
      { raw } as unknown as FastifyReply,
    );
    await expect(answering).rejects.toThrow('enough');
    expect(seen!.signal.aborted).toBe(true);
  });
});
