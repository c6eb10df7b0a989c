import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Home, identify } from '#local';

/** Where tests keep what they start: `.mizan/test` of the checkout (the directory that Jest runs in). */
export const testHome = (): Home => new Home(join(process.cwd(), '.mizan', 'test'));

/** The home whose `nats-server/` holds an unpacked server, shared with the stand-alone stack. */
export const sharedHome = (): Home => new Home(join(process.cwd(), '.mizan'));

/** A new directory of this process; those that killed processes left are removed. */
export function ownDirectory(kind: string): string {
  const home = testHome();
  home.directory();
  for (const name of readdirSync(home.root)) {
    const pid = new RegExp(`^${kind}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && identify(Number(pid)) === undefined) rmSync(home.path(name), { recursive: true, force: true });
  }
  return home.directory(`${kind}-${process.pid}-${randomBytes(4).toString('hex')}`);
}
