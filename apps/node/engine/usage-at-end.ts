import type { JobUsage } from '#wire';

/** What a body used, once it has ended or the signal has aborted, whichever is first. `ended`: to be called at the end of the body. */
export function usageAtEnd(used: () => JobUsage, signal: AbortSignal): { usage: Promise<JobUsage>; ended: () => void } {
  let settle!: (usage: JobUsage) => void;
  const usage = new Promise<JobUsage>((resolve) => (settle = resolve));
  const settled = (): void => settle(used());
  signal.addEventListener('abort', settled, { once: true });
  const ended = (): void => {
    signal.removeEventListener('abort', settled);
    settled();
  };
  return { usage, ended };
}
