import { DomainError } from '#kernel';
import type { ErrorCode } from '#protocol';
import { errorAnswer } from '../http/openai-error.js';
import { JobLost } from './job-queue.js';

/** This gateway stops: another one runs the job, under the same record. */
export class Leaving extends Error {
  constructor() {
    super('the gateway stops');
  }
}

/** The scheduler did not take what became of a run: what its record says by now is not known here. */
export class Unsure extends Error {
  constructor(cause: unknown) {
    super('the scheduler could not be told what became of the job', { cause });
  }
}

/** Errors: JobLost, Unsure. */
export async function sure<T>(told: Promise<T>): Promise<T> {
  try {
    return await told;
  } catch (error) {
    throw error instanceof JobLost ? error : new Unsure(error);
  }
}

/** A busy market, a machine lost, a service away: another time it may work. */
export const mayPass = (error: unknown): boolean => error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'limited') && errorAnswer(error).headers['x-should-retry'] !== 'false';

/** Whether the record of a run that failed has ended, was never begun, or is anybody's guess. */
export function wayBack(error: unknown): 'again' | 'ended' | 'unsure' {
  if (!(error instanceof DomainError)) return 'unsure';
  if (error.code === ('RECORD_UNAVAILABLE' satisfies ErrorCode)) return error.details['isBegun'] === false ? 'again' : 'unsure';
  return typeof error.details['record'] === 'string' ? 'ended' : 'again';
}
