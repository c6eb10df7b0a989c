import { setTimeout as pause } from 'node:timers/promises';
import { DomainError } from '#kernel';

/** A scheduler that is away is asked again for half a minute. */
const tryMs = 500;
const triesMax = 60;

/** A scheduler that starts anew is waited for. Errors: those of `ask`, the signal's reason. */
export async function patiently<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind !== 'unavailable' || tries === triesMax) throw error;
      // Whoever gives no signal keeps no process alive with it.
      await pause(tryMs, undefined, signal ? { signal } : { ref: false }).catch(() => undefined);
      signal?.throwIfAborted();
    }
  }
}
