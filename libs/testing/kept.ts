import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalError, gone, identify } from '#local';
import type { Exit, Launch, LaunchSpec, Running } from '#local';

const keeper = fileURLToPath(new URL('./keeper.mjs', import.meta.url));

/** A program that several processes share: it lives while one of them does. */
export interface Shared {
  usersDirectory: string;
  /** How long it waits for the next user before it ends. */
  graceMs: number;
}

/** Starts programs that end with this process (or with their last user), whatever happens to it. Logs go to `logDirectory`. */
export function launchKept(logDirectory: string, shared?: Shared): Launch {
  return async (spec) => {
    mkdirSync(logDirectory, { recursive: true });
    const logFile = join(logDirectory, `${spec.name}.log`);
    // A shared server outlives the launch; what is awaited to its end (initdb) is ours alone.
    const isServer = shared !== undefined && !spec.name.endsWith('-init');
    return start(spec, logFile, isServer ? shared : undefined);
  };
}

async function start(spec: LaunchSpec, logFile: string, shared?: Shared): Promise<Running> {
  const stopSignal = spec.stopSignal ?? 'SIGTERM';
  const keeping = fork(keeper, [JSON.stringify({ ...spec, stopSignal, logFile, ...shared })], {
    detached: true,
    stdio: 'ignore',
    execArgv: [],
    env: { PATH: process.env['PATH'] ?? '' },
  });
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    const settle = (value: Exit): void => {
      exit ??= value;
      resolve(exit);
    };
    keeping.on('message', (message: { exit?: Exit }) => message.exit && settle(message.exit));
    keeping.once('exit', () => settle({ code: null, signal: 'SIGKILL' }));
  });
  const pid = await new Promise<number>((resolve, reject) => {
    keeping.once('message', (message: { pid?: number; failed?: string }) => {
      if (message.pid !== undefined) resolve(message.pid);
      else reject(new LocalError(`cannot start ${spec.name} (${spec.command}): ${message.failed}`));
    });
    keeping.once('exit', () => reject(new LocalError(`cannot start ${spec.name}: its keeper ended`)));
  });
  const identity = identify(pid) ?? { pid, startedAt: 'gone' };
  // The keeper must not keep a finished test run alive.
  keeping.unref();
  keeping.channel?.unref();
  const finish = async (signal: NodeJS.Signals): Promise<void> => {
    if (exit !== undefined) return;
    keeping.send(signal);
    if (!(await gone(identity, spec.stopMs ?? 10_000)) && keeping.connected) keeping.send('SIGKILL');
    await gone(identity, 5_000);
    exit ??= { code: null, signal };
  };
  return { name: spec.name, identity, logFile, exited, exit: () => exit, stop: () => finish(stopSignal), kill: () => finish('SIGKILL') };
}
