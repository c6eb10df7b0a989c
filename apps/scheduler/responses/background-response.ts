import { createHash } from 'node:crypto';
import { ErrorKind, timeOfId, uuidv7 } from '#kernel';
import { backgroundLimits, errorCodes } from '#protocol';
import type { Appended, BackgroundEnd, BackgroundStatus, ErrorCode } from '#protocol';

/** From which statuses a response may come into one. What has ended stays so. */
export const backgroundStatusesBefore: Readonly<Record<BackgroundStatus, readonly BackgroundStatus[]>> = {
  queued: ['in_progress'],
  in_progress: ['queued'],
  completed: ['in_progress'],
  incomplete: ['in_progress'],
  failed: ['queued', 'in_progress'],
  cancelled: ['queued', 'in_progress'],
};

/** Between these moments the record of a run may be admitted and not ended. */
export interface Span {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** For how long after its beginning a run may be repeated under its record: the books have not closed it while half of its time is left. */
export const rerunMsOf = ({ sinceMs, untilMs }: Span): number => (untilMs - sinceMs) / 2;

/** Some events that a gateway brings: `count` of them, the first numbered `first`; with `end` the last ones. */
export interface BroughtEvents {
  readonly first: number;
  readonly count: number;
  readonly end: BackgroundEnd | undefined;
}

/** What becomes of events: they are stored, are known, belong to nobody any more, contradict a cancellation, or leave a gap. */
export type Taken = 'stored' | 'known' | 'unwanted' | 'cancelled' | 'gap';

/**
 * A response that was cancelled ends so, whatever its gateway says: one that has completed it meanwhile is told to say that it was
 * cancelled. Its pieces are taken until then: they are paid for.
 */
export function takenEvents({ status, events, isGone }: { readonly status: BackgroundStatus; readonly events: number; readonly isGone: boolean }, { first, count, end }: BroughtEvents): Taken {
  if (isGone) return 'unwanted';
  if (first + count <= events && first >= backgroundLimits.firstEvent) return 'known';
  if (status === 'cancelled' && end !== undefined && end !== 'cancelled') return 'cancelled';
  return first === events ? 'stored' : 'gap';
}

export const appendedOf = (taken: Exclude<Taken, 'gap'>, status: BackgroundStatus): Appended => ({ isCancelled: status === 'cancelled' || taken === 'unwanted', isKept: taken !== 'cancelled' });

/** What a client is told of a response that failed here, where no code of an error says it. */
const failures: Readonly<Record<string, string>> = {
  answer_lost: 'the response was executed and charged, and was lost with the process that held it',
  api_key_revoked: 'the API key of this response may not run it any more',
  line_failed: 'the response was lost with the process that held it, again and again',
};

/** What a client is told of a response that was given up: by one of the codes that clients know, and for what its last run was refused. */
export function failureOf(code: string): { code: string; message: string } {
  const kind = errorCodes[code as ErrorCode] as ErrorKind | undefined;
  const isLimit = kind === ErrorKind.limited || kind === ErrorKind.exhausted;
  return { code: isLimit ? 'rate_limit_exceeded' : 'server_error', message: failures[code] ?? `${code}: no machine could run the response, however often it was tried` };
}

/**
 * The record of a run: the response's own id, and another one, made of it, after each run that ended in the books without a charge. The
 * books charge a record once.
 */
export function responseRecord(response: string, generation: number): string {
  if (generation === 0) return response;
  return uuidv7(timeOfId(response), createHash('sha256').update(`mizan-response-run-v1\n${response}\n${generation}`).digest());
}
