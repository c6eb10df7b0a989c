import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { baseEnvironment, LocalError } from '#local';
import type { CheckedOffline } from './sample-context.js';

const run = promisify(execFile);
const verifierMs = 120_000;
const apart = ['unshare', '--map-root-user', '--net'];

/**
 * `mizan audit verify` on a file, in a process without a network: in a network namespace of its own where the system lets us make one, and with
 * all that Node could connect with taken away in any case. `apps`: where the built programs are. Error: `LocalError` when it says nothing.
 */
export async function verifyApart(apps: string, file: string, logKey: string): Promise<CheckedOffline> {
  const node = [process.execPath, '--no-warnings', '--import', withoutNetwork(apps), join(apps, 'cli', 'main.js'), 'audit', 'verify', file, '--log-key', logKey, '--json'];
  const isApart = await run(apart[0]!, [...apart.slice(1), 'true']).then(() => true, () => false);
  const [command, ...args] = isApart ? [...apart, ...node] : node;
  const { stdout } = await run(command!, args, { env: baseEnvironment(), timeout: verifierMs }).catch((error: { stdout?: string; stderr?: string; message: string }) => {
    if (error.stdout?.trim().startsWith('{') === true) return { stdout: error.stdout };
    throw new LocalError(`mizan audit verify could not run: ${error.stderr?.trim() || error.message}`);
  });
  const { result, checks } = JSON.parse(stdout) as { result: CheckedOffline['result']; checks: { name: string; holds: boolean | null }[] };
  return { result, checks: checks.length, broken: checks.filter(({ holds }) => holds !== true).map(({ name }) => name), network: isApart ? 'in a network namespace with nothing in it' : 'with the network off' };
}

/** What `node --import` loads first. */
export const withoutNetwork = (apps: string): string => join(apps, 'standalone', 'sample', 'no-network.js');
