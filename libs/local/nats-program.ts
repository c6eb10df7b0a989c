import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Home } from './home.js';
import { withFileLock } from './file-lock.js';
import { LocalError } from './local.errors.js';
import { unpackFromDistribution } from './nats-distribution.js';
import { parseNatsVersion } from './nats-version.js';

export interface NatsProgram {
  path: string;
  version: string;
}

/** Gives a NATS server where this machine has none; the files it needs are already under `.mizan/nats`. */
export const natsByDocker = 'docker compose up -d standalone-nats && MIZAN_NATS_URL=nats://127.0.0.1:4222 npm start';

/**
 * Finds a `nats-server`: the one that `MIZAN_NATS_SERVER` names, one on PATH, else the distribution's package unpacked
 * below `.mizan/`. Error: `LocalError` that says in one sentence how to get one.
 */
export async function findNatsServer(home: Home, say: (line: string) => void = () => {}, env: NodeJS.ProcessEnv = process.env): Promise<NatsProgram> {
  const named = env['MIZAN_NATS_SERVER'];
  if (named !== undefined && named !== '') {
    const version = versionOf(named);
    if (version === undefined) throw new LocalError(`MIZAN_NATS_SERVER=${named} is not a nats-server that runs here`);
    return { path: named, version };
  }
  for (const directory of [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].filter((part) => part !== '')) {
    const path = join(directory, 'nats-server');
    const version = isExecutable(path) ? versionOf(path) : undefined;
    if (version !== undefined) return { path, version };
  }
  const unpacked = await withFileLock(home.path('nats-server.lock'), () => unpackFromDistribution(home.path('nats-server'), say));
  const version = unpacked === undefined ? undefined : versionOf(unpacked);
  if (unpacked !== undefined && version !== undefined) return { path: unpacked, version };
  throw new LocalError(
    `No nats-server was found on PATH, and this system's packages gave none: install one (macOS: brew install nats-server) or run: ${natsByDocker}`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(path: string): string | undefined {
  try {
    return parseNatsVersion(execFileSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000, stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}
