/**
 * Runs one program for tests and makes sure that it ends with them, even when they are killed.
 * Argument: JSON {command, args, cwd, env, uid, gid, logFile, stopSignal, usersDirectory?, graceMs?}.
 * With `usersDirectory`, the program lives as long as a process that has a file `<pid>` there, plus `graceMs`;
 * else as long as the parent's IPC channel. Says {pid} once, then {exit}; hears 'SIGTERM', 'SIGKILL', … to pass on.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const spec = JSON.parse(process.argv[2]);
const log = openSync(spec.logFile, 'a');
const child = spawn(spec.command, spec.args, { cwd: spec.cwd, env: spec.env, uid: spec.uid, gid: spec.gid, stdio: ['ignore', log, log] });
const tell = (message) => {
  if (process.connected) process.send(message, () => {});
};
let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  child.kill(spec.stopSignal);
  setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
};

child.once('spawn', () => tell({ pid: child.pid }));
child.once('error', (error) => {
  tell({ failed: error.message });
  setTimeout(() => process.exit(1), 50);
});
child.once('exit', (code, signal) => {
  tell({ exit: { code, signal } });
  setTimeout(() => process.exit(0), 50);
});
process.on('message', (signal) => child.kill(signal));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (spec.usersDirectory ? undefined : stop()));
process.on('disconnect', () => {
  if (!spec.usersDirectory) stop();
});

if (spec.usersDirectory) {
  mkdirSync(spec.usersDirectory, { recursive: true });
  let lastUsed = Date.now();
  setInterval(() => {
    if (users(spec.usersDirectory) > 0) lastUsed = Date.now();
    else if (Date.now() - lastUsed > spec.graceMs) stop();
  }, 1_000);
}

/** How many living processes use the program; the files of dead ones are removed. */
function users(directory) {
  return readdirSync(directory).filter((pid) => {
    try {
      process.kill(Number(pid), 0);
      return true;
    } catch (error) {
      if (error.code === 'EPERM') return true;
      rmSync(join(directory, pid), { force: true });
      return false;
    }
  }).length;
}
