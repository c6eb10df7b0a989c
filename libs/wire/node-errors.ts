import { unreachable } from '#kernel';
import { failure } from '#protocol';
import type { Cut, JobError, Refusal } from './control.js';
import { protocolError } from './version.js';

/** What a gateway makes of a node's refusal. */
export function refusalOf(refusal: Refusal): Error {
  const details = { reason: refusal.code };
  switch (refusal.code) {
    case 'BUSY':
    case 'DRAINING':
      return failure('NODE_BUSY', `the node takes no more jobs: ${refusal.message}`, details);
    case 'UNKNOWN_OFFER':
    case 'INVALID':
      return protocolError(`the node refused the job: ${refusal.message}`, details);
    default:
      return unreachable(refusal.code);
  }
}

/** What a gateway makes of a job that failed on the node. */
export function jobErrorOf(error: JobError): Error {
  const details = { reason: error.code };
  switch (error.code) {
    case 'ENGINE_FAILED':
    case 'CANCELLED':
      return failure('ENGINE_FAILED', `the engine failed: ${error.message}`, details);
    case 'DEADLINE_EXCEEDED':
      return failure('DEADLINE_EXCEEDED', error.message, details);
    case 'PROTOCOL':
      return protocolError(`the node could not read the job: ${error.message}`, details);
    default:
      return unreachable(error.code);
  }
}

/** What a gateway makes of an answer that the node broke off. */
export function cutOf(cut: Cut): Error {
  return jobErrorOf({ code: cut, message: cut === 'DEADLINE_EXCEEDED' ? 'the deadline passed on the node' : 'the answer broke off' });
}
