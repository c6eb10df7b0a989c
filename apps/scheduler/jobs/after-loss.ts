import type { Job } from './job.js';

/** What the books say of a record: nothing yet, admitted and not ended, ended without or with a charge; or they do not answer. */
export type Books = 'unknown' | 'open' | 'ended-free' | 'charged' | 'silent';

/** What happens to a job that was lost: run under the same record, run under a new one, wait, or give up. */
export type AfterLoss = 'same-record' | 'new-record' | 'wait' | 'give-up';

/**
 * A record is charged once, so running a job again under the same record can never charge it twice; but work done after the
 * books have closed the record would go unpaid. They close what is open only `closedAfterMs` after its admission: soon after the
 * claim a job runs again at once, later it waits for the books. A charge without an answer cannot be repeated.
 */
export function afterLoss(job: Pick<Job, 'claimedAtMs' | 'leaseUntilMs' | 'reason'>, books: Books, nowMs: number, times: { rerunMs: number; closedAfterMs: number }): AfterLoss {
  switch (books) {
    case 'ended-free':
      return 'new-record';
    case 'charged':
      return 'give-up';
    case 'silent':
      return 'wait';
    case 'open':
    case 'unknown': {
      const isEarly = job.reason !== 'unsure' && nowMs - job.claimedAtMs <= times.rerunMs;
      // Nothing that was admitted under the lease is open any more by then.
      const isOver = books === 'unknown' && nowMs > job.leaseUntilMs + times.closedAfterMs + marginMs;
      return isEarly || isOver ? 'same-record' : 'wait';
    }
  }
}

/** For the sweep of the books and the way through the stream. */
const marginMs = 30_000;
