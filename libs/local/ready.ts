import { get } from 'node:http';
import { obituary } from './child.js';
import type { Running } from './launch.js';
import { LocalError } from './local.errors.js';

/**
 * Waits until `probe` succeeds. Error: `LocalError` with the end of the log when the process ends first or `patienceMs` pass; it is ended then, so that another can
 * take its place.
 */
export async function whenReady(running: Running, probe: () => Promise<boolean>, patienceMs: number, everyMs = 50): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    if (running.exit() !== undefined) throw new LocalError(obituary(running));
    if (await probe().catch(() => false)) return;
    if (performance.now() > until) {
      const told = obituary(running);
      await running.kill();
      throw new LocalError(`${told}\nIt was given ${patienceMs / 1000} s.`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** How long one answer may take. */
const answerMs = 2_000;

/**
 * A probe: whether GET `url` answers 200. It is asked again and again while what starts needs the processor to load: to be refused takes `http.get` half of what
 * it takes `fetch`.
 */
export const answersOk = (url: string) => (): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: answerMs }, (response) => {
      response.resume().once('error', reject);
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy(new Error(`${url} did not answer within ${answerMs / 1_000} s`)));
    request.once('error', reject);
  });
