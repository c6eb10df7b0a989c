import { DomainError, LinkedAbort } from '#kernel';
import type { Clock } from '#kernel';
import { failure } from '#protocol';
import type { ClaimedResponse, Usage } from '#protocol';
import type { KeysById } from '../jobs/keys-by-id.js';
import { checked } from '../batches/line-request.js';
import { errorAnswer, isUnexpected } from '../http/openai-error.js';
import type { ImageInliner } from '../images/inline-images.js';
import { JobLost, Unwanted } from '../jobs/job-queue.js';
import { JobRunner } from '../jobs/job-runner.js';
import type { Asker } from '../jobs/job-runner.js';
import { Leaving, mayPass, sure, Unsure } from '../jobs/run-ends.js';
import { chatRequest, parseChat } from '../openai/chat-request.js';
import type { Replicated } from '../replicated.js';
import type { InferenceJob } from '../request/inference-job.js';
import type { RequestPipeline } from '../request/request-pipeline.js';
import { BackgroundRun } from './background-run.js';
import type { ResponseFailure } from './response-object.js';
import type { ResponseQueue } from './response-queue.js';
import { responseRequest } from './response-request.js';
import type { ResponseRequest } from './response-request.js';
import { readStored } from './stored-responses.js';
import { toChat } from './to-chat.js';

const nothingUsed: Usage = { inputTokens: 0, outputTokens: 0 };
const brokenOff: ResponseFailure = { code: 'server_error', message: 'the answer broke off; what came until then is charged' };

/** Runs a response in the background through the very pipeline that a request takes, as a stream into its log. */
export class ResponseRunner extends JobRunner<ClaimedResponse> {
  constructor(
    protected override readonly queue: Pick<ResponseQueue, 'read' | 'append' | 'assertHeld' | 'nextRecord' | 'giveBack'>,
    keys: Pick<KeysById, 'get'>,
    replicated: Pick<Replicated, 'tenants'>,
    private readonly pipeline: Pick<RequestPipeline, 'run'>,
    private readonly images: Pick<ImageInliner, 'inline'>,
    clock: Clock,
  ) {
    super(queue, keys, replicated, clock, ['inference.run']);
  }

  protected async runFor({ key, tenant, project }: Asker, claimed: ClaimedResponse, signal: AbortSignal): Promise<void> {
    const { request, unread } = requestOf(await this.queue.read(claimed));
    const wanted = new LinkedAbort(signal);
    const run = new BackgroundRun(claimed, request, (...events) => this.queue.append(claimed, ...events), () => wanted.abort(new Unwanted()));
    const left = (): unknown => (wanted.signal.aborted ? wanted.signal.reason : undefined);
    let { record } = claimed;
    let kept = false;
    const job = async (): Promise<InferenceJob> => {
      if (unread) throw unread;
      const { form: _form, ...parsed } = parseChat(this.images.inline(checked(chatRequest, toChat(request))));
      return {
        ...parsed,
        ...{ id: claimed.record, keyId: claimed.keyId, role: key.role, tenant, project, declared: claimed.declared, mayBeRecorded: claimed.attempt > 1 },
        ...{ untilMs: this.clock.nowMs() + claimed.remainingMs, signal: wanted.signal, streamed: { outlet: run, form: (guard) => run.form(guard) } },
        // What it ends as is stored before its record says so: whoever has the job after this one is gone finds either both or neither.
        keep: async (answer) => {
          if (answer) await sure(run.complete(answer.usage ?? nothingUsed));
          else if (left() instanceof Unwanted) await sure(run.stop('cancelled', null));
          else if (left() !== undefined) throw left();
          else if (run.hasBegun) await sure(run.stop('failed', brokenOff));
          else return sure(this.queue.assertHeld(claimed));
          kept = true;
        },
        nextRecord: async () => (record = await sure(this.queue.nextRecord({ ...claimed, record }))),
      };
    };
    try {
      await this.pipeline.run(await job());
      if (!kept) throw failure('INTERNAL', 'a response ended without being stored');
    } catch (error) {
      // What is stored has its end: that this could not be recorded yet is made good from the receipt.
      if (kept) return;
      if (error instanceof JobLost || error instanceof Unsure || error instanceof Leaving) throw error;
      if (left() instanceof Unwanted) return await sure(run.stop('cancelled', null)).then(() => undefined);
      if (left() !== undefined) throw left();
      if (mayPass(error) || isUnexpected(error)) throw error;
      await sure(run.stop('failed', failureOf(error)));
    } finally {
      wanted.release();
    }
  }
}

/** What is run, and why it cannot be: nobody could read it. */
function requestOf(content: Buffer): { request: ResponseRequest; unread?: Error } {
  try {
    const { request, input } = readStored(content);
    return { request: responseRequest.parse({ ...request, input, stream: true }) };
  } catch (error) {
    return { request: { model: 'unknown', input: [], background: true }, unread: failure('REQUEST_INVALID', 'what is stored of the response cannot be read', {}, error) };
  }
}

/** What clients are told of an error: one of the codes that they know, and in words what a direct request would have said. */
export function failureOf(error: unknown): ResponseFailure {
  const { error: told } = JSON.parse(errorAnswer(error).body) as { error: { message: string; code: string | null } };
  const kind = error instanceof DomainError ? error.kind : 'internal';
  const code = kind === 'limited' || kind === 'exhausted' ? 'rate_limit_exceeded' : kind === 'invalid' || kind === 'tooLarge' ? 'invalid_prompt' : 'server_error';
  return { code, message: told.code === null ? told.message : `${told.code}: ${told.message}` };
}
