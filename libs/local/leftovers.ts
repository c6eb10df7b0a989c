import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import type { Home } from './home.js';
import { LocalError } from './local.errors.js';
import { end, identify, isRunning } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

const lockFile = 'supervisor.json';

/**
 * Makes this process the only supervisor of a home and ends what a killed one left running: only processes that were
 * written down, and only while pid and start time both match. Returns the names of those it ended.
 * Error: `LocalError` when another supervisor lives.
 */
export async function takeOver(home: Home): Promise<string[]> {
  const other = home.readJson<ProcessIdentity>(lockFile);
  if (other !== undefined && other.pid !== process.pid && isRunning(other)) {
    throw new LocalError(
      `Mizan already runs from ${home.root} (process ${other.pid}). Use it as it is, or stop it with Ctrl-C in its window or: kill ${other.pid}`,
    );
  }
  home.writeJson(identify(process.pid), lockFile);
  return endLeftovers(home);
}

/** Ends what this supervisor started and has not ended yet, and gives the home free. Does nothing to a home of another supervisor. */
export async function release(home: Home): Promise<void> {
  if (home.readJson<ProcessIdentity>(lockFile)?.pid !== process.pid) return;
  while ((await endLeftovers(home)).length > 0);
  rmSync(home.path(lockFile), { force: true });
}

async function endLeftovers(home: Home): Promise<string[]> {
  if (!existsSync(home.path('pids'))) return [];
  const ended: string[] = [];
  await Promise.all(
    readdirSync(home.path('pids')).map(async (file) => {
      const left = home.readJson<ProcessIdentity & { stopSignal: NodeJS.Signals }>('pids', file);
      if (left !== undefined && isRunning(left)) {
        await end(left, left.stopSignal, 10_000);
        ended.push(basename(file, '.json'));
      }
      rmSync(home.path('pids', file), { force: true });
    }),
  );
  return ended.sort();
}
