import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Names one process for good: pids are given anew, also to the next process of a container, a pid with its start is not. */
interface Holder {
  readonly id: string;
  readonly pid: number;
  readonly startedAt: string;
  /** Where the pid means something: the machine, since its start, and there the container. */
  readonly place: string;
}

/** The holder says so often that it lives; whoever cannot see its process takes it for gone after so long without. */
const beatMs = 5_000;
const silentMs = 60_000;

/**
 * Makes this process the only one on a directory; gives what frees it again. A lock whose process is gone is taken over, whatever has its pid now; one of another machine or
 * container when it is silent. `lost` is called when somebody else has it all the same. Error: another process has it.
 */
export function onlyProcessOn(directory: string, lost: (error: Error) => void = end, everyMs = beatMs): () => void {
  const path = join(directory, 'lock');
  const own: Holder = { id: randomUUID(), pid: process.pid, startedAt: startOf(process.pid) ?? '', place: placeOf() };
  take(directory, path, own);
  const beat = setInterval(() => {
    if (read(path)?.id === own.id) return utimesSync(path, new Date(), new Date());
    clearInterval(beat);
    lost(new Error(`${directory} was taken over by another process`));
  }, everyMs);
  beat.unref();
  return () => {
    clearInterval(beat);
    if (read(path)?.id === own.id) rmSync(path, { force: true });
  };
}

/** Two that find the same dead holder: one takes its lock aside, and the other finds a new one. */
function take(directory: string, path: string, own: Holder): void {
  const draft = `${path}.${own.id}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      try {
        linkSync(draft, path); // appears whole or not at all
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = read(path);
      if (holder === undefined || isAlive(holder, path)) throw new Error(told(directory, holder));
      takeAside(path, own, holder);
    }
    throw new Error(told(directory, read(path)));
  } finally {
    rmSync(draft, { force: true });
  }
}

const told = (directory: string, holder: Holder | undefined): string => `${directory} is in use by process ${holder?.pid ?? 'unknown'}${holder === undefined || holder.place === placeOf() ? '' : ` of ${holder.place.split(' ')[0]}; if that is gone for good, wait a minute`}`;

/** Removes a dead holder's lock, and puts back what it took if somebody living was quicker. */
function takeAside(path: string, own: Holder, dead: Holder): void {
  const aside = `${path}.${own.id}.aside`;
  try {
    renameSync(path, aside);
    if (read(aside)?.id !== dead.id) linkSync(aside, path);
  } catch {
    // Somebody else took it away first.
  }
  rmSync(aside, { force: true });
}

function isAlive({ pid, startedAt, place }: Holder, path: string): boolean {
  if (place === placeOf()) return startOf(pid) === startedAt;
  try {
    return Date.now() - statSync(path).mtimeMs < silentMs;
  } catch {
    return false;
  }
}

/** Of a lock of the release before, which holds a pid alone, as well: its process lives when there is one of that pid that is not this one. */
function read(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { id: '', pid: 0, startedAt: 'gone', place: placeOf() };
    throw error;
  }
  if (/^\d+$/.test(text)) return { id: text, pid: Number(text), startedAt: Number(text) === process.pid ? 'gone' : (startOf(Number(text)) ?? 'gone'), place: placeOf() };
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/** When a process began, in ticks since the machine did; where that cannot be told, that it is there. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in parentheses may hold spaces; state is field 3, the start field 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return process.platform === 'linux' ? undefined : seen(pid);
  }
}

function seen(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return 'there';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'there' : undefined;
  }
}

function placeOf(): string {
  const of = (look: () => string): string => {
    try {
      return look().trim();
    } catch {
      return '';
    }
  };
  return `${hostname()} ${of(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))} ${of(() => readlinkSync('/proc/self/ns/pid'))}`;
}

/** Two witnesses with one key could cosign two histories: better none. */
function end(error: Error): void {
  console.error(`mizan: ${error.message}`);
  process.exit(2);
}
