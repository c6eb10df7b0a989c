import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { baseEnvironment, freePort } from '#local';
import type { Running } from '#local';
import { launchKept } from '#testing';

/** The one core of what is measured; everything else has the other one. */
const measuredCore = 0;
const otherCore = 1;
const startMs = 60_000;
/** Linux counts processor time in hundredths of a second. */
const tickMicros = 10_000;

const hasTaskset = ((): boolean => {
  if (availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** How processes are kept apart, in a sentence for the report. */
export const pinning = hasTaskset ? `what is measured has core ${measuredCore} alone; load, engines and NATS share core ${otherCore}` : 'not pinned: no taskset, or one core';

/** This process and all that it starts from now on leave the measured core. */
export function leaveMeasuredCore(): void {
  if (hasTaskset) execFileSync('taskset', ['-a', '-cp', String(otherCore), String(process.pid)], { stdio: 'ignore' });
}

/** A Node process of the benchmark. */
export interface Pinned {
  readonly url: string;
  /** Health and metrics of a service of ours. */
  readonly operationsUrl: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface PinnedProgram {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  /** Takes the port as the variable of this name; `PORT` when left out. */
  readonly portVariable?: string;
  readonly isMeasured: boolean;
}

/** Starts a Node program, on the measured core or on the other one, and waits until it answers HTTP. It ends with this process. */
export async function startPinned(directory: string, { name, args, env, portVariable, isMeasured }: PinnedProgram): Promise<Pinned> {
  const port = await freePort();
  const operationsPort = await freePort();
  const given = args.map((arg) => arg.replace('%port%', String(port)));
  const [command, prefix] = hasTaskset ? ['taskset', ['-c', String(isMeasured ? measuredCore : otherCore), process.execPath]] : [process.execPath, []];
  const running = await launchKept(directory)({ name, command, args: [...prefix, '--no-warnings', ...given], cwd: process.cwd(), env: { ...baseEnvironment(), NODE_ENV: 'production', ...env, [portVariable ?? 'PORT']: String(port), OPERATIONS_PORT: String(operationsPort) } });
  const url = `http://127.0.0.1:${port}`;
  await answers(url, running);
  return { url, operationsUrl: `http://127.0.0.1:${operationsPort}`, port, pid: running.identity.pid, stop: () => running.stop() };
}

async function answers(url: string, running: Running): Promise<void> {
  for (const untilMs = Date.now() + startMs; Date.now() < untilMs; await pause(50)) {
    if (running.exit() !== undefined) break;
    const answered = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then((response) => response.arrayBuffer(), () => undefined);
    if (answered) return;
  }
  throw new Error(`${running.name} does not answer; it says:\n${readFileSync(running.logFile, 'utf8').slice(-2_000)}`);
}

/** Processor time that a process has used, in microseconds. */
export function processorMicros({ pid }: Pick<Pinned, 'pid'>): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMicros;
}

/** Resident memory of a process, in bytes. */
export function residentBytes({ pid }: Pick<Pinned, 'pid'>): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}
