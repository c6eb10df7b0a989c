import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { batchCalls } from '#protocol';
import type { ClaimedLine } from '#protocol';
import { sendContent } from '../http/internal-transfer.js';
import { JobQueue } from '../jobs/job-queue.js';

/** Lines of batches. */
export class LineQueue extends JobQueue<ClaimedLine> {
  constructor(caller: Caller, gateway: string, clock: Clock) {
    super(caller, gateway, clock, 'lines');
  }

  async claim(max: number): Promise<{ jobs: ClaimedLine[]; leaseMs: number }> {
    const { lines, leaseMs } = await this.caller.call(batchCalls.claimLines, { gateway: this.gateway, max });
    return { jobs: lines, leaseMs };
  }

  /** Resolves when the answer is kept for good. Error: JobLost when somebody else has the line. */
  keep({ url }: ClaimedLine, good: boolean, answer: Buffer): Promise<void> {
    return this.persist(() => sendContent(url, answer, { good: String(good) }, 'lines'));
  }
}
