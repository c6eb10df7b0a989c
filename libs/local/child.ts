import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import type { Home } from './home.js';
import { lastLines } from './last-lines.js';
import type { Exit, Launch, LaunchSpec, Running } from './launch.js';
import { LocalError } from './local.errors.js';
import { end, identify } from './process-identity.js';

/**
 * Starts children of the stand-alone stack. Each is in a session of its own, so that Ctrl-C reaches only the supervisor,
 * logs to `.mizan/log/<name>.log` (the run before is kept as `.log.1`), and is written down in `.mizan/pids/`,
 * so that a start after a `kill -9` of the supervisor finds what it left. Error: `LocalError` if it cannot be started.
 */
export function launchUnder(home: Home): Launch {
  return async (spec) => {
    home.directory('log');
    home.directory('pids');
    const logFile = home.path('log', `${spec.name}.log`);
    if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
    const log = openSync(logFile, 'a', 0o600);
    try {
      return await start(home, spec, log, logFile);
    } finally {
      closeSync(log);
    }
  };
}

async function start(home: Home, spec: LaunchSpec, log: number, logFile: string): Promise<Running> {
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    uid: spec.uid,
    gid: spec.gid,
    detached: true,
    stdio: ['ignore', log, log],
  });
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      rmSync(home.path('pids', `${spec.name}.json`), { force: true });
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new LocalError(`cannot start ${spec.name} (${spec.command}): ${error.message}`, { cause: error })));
  });
  const identity = identify(child.pid!) ?? { pid: child.pid!, startedAt: 'gone' };
  if (exit === undefined) home.writeJson({ ...identity, stopSignal: spec.stopSignal ?? 'SIGTERM' }, 'pids', `${spec.name}.json`);
  const finish = async (signal: NodeJS.Signals): Promise<void> => {
    if (exit !== undefined) return;
    await end(identity, signal, spec.stopMs ?? 10_000);
    await exited;
  };
  return {
    name: spec.name,
    identity,
    logFile,
    exited,
    exit: () => exit,
    stop: () => finish(spec.stopSignal ?? 'SIGTERM'),
    kill: () => finish('SIGKILL'),
  };
}

/** One sentence on how a process ended, with the end of its log. */
export function obituary(running: Running, lines = 12): string {
  const exit = running.exit();
  const how = exit === undefined ? 'is not ready' : exit.signal === null ? `ended with code ${exit.code}` : `was ended by ${exit.signal}`;
  const log = lastLines(running.logFile, lines);
  return `${running.name} ${how}.${log === '' ? ' It wrote nothing.' : ` The end of ${running.logFile}:\n${log.replace(/^/gm, '    ')}`}`;
}
