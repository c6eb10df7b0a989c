import { execFileSync, spawnSync } from 'node:child_process';
import { LocalError } from './local.errors.js';

/** How a program that refuses to run as root is run. */
export interface RunAs {
  uid?: number;
  gid?: number;
  /** Put in front of the command when the checkout is closed to that user. */
  prefix: string[];
}

/**
 * PostgreSQL refuses to run as root. Started by root, it runs as `postgres` if there is such a user, else as `nobody`;
 * no user is ever made. Where the checkout is closed to that user (a clone under `/root`), the process keeps one
 * capability, to pass and write there. `directories` are those it must reach. Error: `LocalError` when neither works.
 */
export function unprivilegedUser(directories: string[]): RunAs {
  if (process.getuid?.() !== 0) return { prefix: [] };
  for (const name of ['postgres', 'nobody']) {
    const ids = userIds(name);
    if (ids === undefined) continue;
    if (directories.every((directory) => canEnter(directory, ids))) return { ...ids, prefix: [] };
    const prefix = keepAccess(ids);
    if (directories.every((directory) => canEnter(directory, {}, prefix))) return { prefix };
  }
  throw new LocalError(
    `PostgreSQL does not run as root, and no other user may enter ${directories[0]}. Start Mizan as an ordinary user, or from a directory that others may enter.`,
  );
}

function userIds(name: string): { uid: number; gid: number } | undefined {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim());
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function canEnter(directory: string, ids: { uid?: number; gid?: number }, prefix: string[] = []): boolean {
  const argv = [...prefix, 'sh', '-c', 'cd "$1"', 'sh', directory];
  return spawnSync(argv[0]!, argv.slice(1), { ...ids, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** No_setuid_fixup: PostgreSQL looks at its own program with access(2), which forgets capabilities without that bit. */
function keepAccess(ids: { uid: number; gid: number }): string[] {
  const user = [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, '--clear-groups'];
  return ['setpriv', '--securebits=+no_setuid_fixup', ...user, '--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
}
