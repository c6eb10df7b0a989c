import { setTimeout as pause } from 'node:timers/promises';
import { DomainError, isDomainError } from '#kernel';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { batchCalls, failure } from '#protocol';
import type { ClaimedLine, RequestOf } from '#protocol';
import { fetchContent, sendContent } from '../http/internal-transfer.js';

/** An answer that is there is not given up lightly: the work is done. Longer than a scheduler takes to start. */
const keepMs = 120_000;
const keepAgainMs = 500;

type Why = RequestOf<typeof batchCalls.returnLine>['why'];

/** Where a gateway gets lines to run, and leaves what became of them. */
export class LineQueue {
  constructor(
    private readonly caller: Caller,
    private readonly gateway: string,
    private readonly clock: Clock,
  ) {}

  claim(max: number): Promise<{ lines: ClaimedLine[]; leaseMs: number }> {
    return this.caller.call(batchCalls.claimLines, { gateway: this.gateway, max });
  }

  async renew(lines: readonly ClaimedLine[]): Promise<void> {
    await this.caller.call(batchCalls.renewLines, { lines: lines.map(({ job, fence }) => ({ job, fence })) });
  }

  /** Error: CONFLICT when somebody else has the line. */
  async assertHeld({ job, fence }: ClaimedLine): Promise<void> {
    await this.persist(async () => {
      const { lost } = await this.caller.call(batchCalls.renewLines, { lines: [{ job, fence }] });
      if (lost.length > 0) throw new LineLost();
    });
  }

  /** The record of what is run next, now that the one before has ended without a charge. Error: LineLost. */
  nextRecord({ job, fence, record }: ClaimedLine): Promise<string> {
    return this.persist(async () => (await this.caller.call(batchCalls.advanceLine, { job, fence, record })).record);
  }

  /** Errors: SERVICE_UNAVAILABLE, CONFLICT. */
  async read({ url }: ClaimedLine): Promise<Buffer> {
    const { body } = await fetchContent(url, 'lines');
    try {
      return Buffer.concat(await body.toArray());
    } catch (error) {
      throw failure('SERVICE_UNAVAILABLE', 'the line broke off on its way', {}, error);
    }
  }

  /** Resolves when the answer is kept for good. Error: LineLost when somebody else has the line. */
  keep({ url }: ClaimedLine, good: boolean, answer: Buffer): Promise<void> {
    return this.persist(() => sendContent(url, answer, { good: String(good) }, 'lines'));
  }

  /** Best effort: a line that is not given back is taken back when its lease ends. */
  async giveBack({ job, fence }: ClaimedLine, why: Why, code: string): Promise<void> {
    await this.caller.call(batchCalls.returnLine, { job, fence, why, code }).catch(() => undefined);
  }

  /** Tries again for as long as the scheduler is away. */
  private async persist<T>(work: () => Promise<T>): Promise<T> {
    const endMs = this.clock.monotonicMs() + keepMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (isDomainError(error, 'CONFLICT') || isDomainError(error, 'NOT_FOUND')) throw new LineLost();
        const mayPass = error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'internal');
        if (!mayPass || this.clock.monotonicMs() >= endMs) throw error;
        await pause(keepAgainMs);
      }
    }
  }
}

/** Somebody else has the line by now: what this run did is not its own to record. */
export class LineLost extends Error {
  constructor() {
    super('the line is held by another run');
  }
}
