import { obituary } from './child.js';
import type { Running } from './launch.js';
import { LocalError } from './local.errors.js';

/**
 * Waits until `probe` succeeds. Error: `LocalError` with the end of the log when the process ends first or `patienceMs` pass.
 */
export async function whenReady(running: Running, probe: () => Promise<boolean>, patienceMs: number, everyMs = 50): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    if (running.exit() !== undefined) throw new LocalError(obituary(running));
    if (await probe().catch(() => false)) return;
    if (performance.now() > until) throw new LocalError(`${obituary(running)}\nIt was given ${patienceMs / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** A probe: whether GET `url` answers 200. */
export const answersOk = (url: string) => async (): Promise<boolean> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.status === 200;
};
