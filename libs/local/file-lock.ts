import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { identify, isRunning } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';
import { LocalError } from './local.errors.js';

/** How long one holder may keep others waiting: a cluster is made in two seconds, on a loaded machine in twenty. */
const patienceMs = 120_000;

/** Runs one function at a time over all processes that name the same file. The lock of a dead process is taken over. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const until = performance.now() + patienceMs;
  while (!tryTake(path)) {
    if (performance.now() > until) throw new LocalError(`waited ${patienceMs / 1000} s for ${path}, held by process ${holder(path)?.pid ?? '?'}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function tryTake(path: string): boolean {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    linkSync(mine, path); // appears whole or not at all
    return true;
  } catch {
    const other = holder(path);
    if (other !== undefined && !isRunning(other)) takeAway(path, other);
    return false;
  } finally {
    unlinkSync(mine);
  }
}

function holder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** Removes a dead holder's lock, and puts back what it took if someone living was quicker. */
function takeAway(path: string, dead: ProcessIdentity): void {
  const aside = `${path}.${process.pid}.aside`;
  try {
    renameSync(path, aside);
    if (holder(aside)?.startedAt !== dead.startedAt) linkSync(aside, path);
  } catch {
    // Someone else took it away first.
  }
  rmSync(aside, { force: true });
}
