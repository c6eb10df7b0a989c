import { z } from 'zod';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { appended, backgroundCalls } from '#protocol';
import type { Appended, BackgroundEnd, ClaimedResponse } from '#protocol';
import { sendForAnswer } from '../http/internal-transfer.js';
import { JobQueue } from '../jobs/job-queue.js';

/** Responses that run in the background. */
export class ResponseQueue extends JobQueue<ClaimedResponse> {
  constructor(
    caller: Caller,
    gateway: string,
    clock: Clock,
    private readonly runMs: number,
  ) {
    super(caller, gateway, clock, 'responses');
  }

  async claim(max: number): Promise<{ jobs: ClaimedResponse[]; leaseMs: number }> {
    const { responses, leaseMs } = await this.caller.call(backgroundCalls.claimResponses, { gateway: this.gateway, max, runMs: this.runMs });
    return { jobs: responses, leaseMs };
  }

  /**
   * Resolves when the events are stored for good; with `end` they are the last ones. Errors: JobLost when somebody else has the response,
   * BODY_TOO_LARGE.
   */
  append({ url }: Pick<ClaimedResponse, 'url'>, first: number, count: number, events: Buffer, end?: BackgroundEnd): Promise<Appended> {
    const about = { first: String(first), count: String(count), ...(end && { end }) };
    return this.persist(async () => z.parse(appended, await sendForAnswer(url, events, about, 'responses')));
  }
}
