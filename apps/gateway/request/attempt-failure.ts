import { DomainError, isDomainError } from '#kernel';
import { failure } from '#protocol';
import type { CompletedFacts, ErrorCode } from '#protocol';

export type Attempt = CompletedFacts['attempts'][number];

/** Statuses with which an engine tells the caller that the request itself is wrong: another machine would say the same. */
const callersFault: readonly unknown[] = [400, 413, 422];

/** How an attempt that failed stands in the record. */
export function attemptFailure(error: unknown): Pick<Attempt, 'outcome' | 'code'> {
  if (!(error instanceof DomainError)) return { outcome: 'failed', code: 'INTERNAL' };
  switch (error.code as ErrorCode) {
    case 'NODE_UNREACHABLE':
      return { outcome: error.details['reason'] === 'lost' ? 'lost' : 'unreachable', code: error.code };
    case 'NODE_BUSY':
      return { outcome: 'busy', code: error.code };
    default:
      return { outcome: isRateLimited(error) ? 'busy' : 'failed', code: error.code };
  }
}

export function slotOutcome(error: unknown): 'ok' | 'busy' | 'failed' {
  if (isDomainError(error, 'NODE_BUSY') || isRateLimited(error)) return 'busy';
  return isCallersFault(error) ? 'ok' : 'failed';
}

/** The engine's provider has had enough of this machine's requests: others may have room. */
const isRateLimited = (error: unknown): boolean => isDomainError(error, 'ENGINE_REFUSED') && error.details['status'] === 429;

/** How long a provider that limits its rate is left alone; it says so, or a second. */
export function coolingMs(error: unknown): number {
  const asked = error instanceof DomainError ? error.details['retryAfterMs'] : undefined;
  if (typeof asked === 'number') return asked;
  return isRateLimited(error) ? 1_000 : 0;
}

/** Whether the next offer may do better. SERVICE_UNAVAILABLE is this gateway's own word: it is stopping. */
export function canMoveOn(error: unknown): boolean {
  return !isCallersFault(error) && !isDomainError(error, 'DEADLINE_EXCEEDED') && !isDomainError(error, 'SERVICE_UNAVAILABLE');
}

export function isCallersFault(error: unknown): boolean {
  return isDomainError(error, 'ENGINE_REFUSED') && callersFault.includes(error.details['status']);
}

/** What the caller is told when no machine could do it. Nothing that a node said is passed on. */
export function unserved(attempts: readonly Attempt[]): DomainError {
  const told = attempts.map(({ outcome }) => outcome).join(', ');
  const message = `no machine could run the request (${attempts.length} tried: ${told}); try again shortly`;
  if (attempts.every(({ outcome }) => outcome === 'busy')) return failure('NO_CAPACITY', message);
  const last = attempts.at(-1)?.code;
  switch (last) {
    case 'DEADLINE_EXCEEDED':
    case 'NODE_PROTOCOL':
    case 'ENGINE_FAILED':
      return failure(last, message);
    case 'ENGINE_REFUSED':
      return failure('ENGINE_FAILED', message);
    default:
      return failure('NODE_UNREACHABLE', message);
  }
}
