import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { chatBody } from './answers.js';
import { startGoverned } from './governed.js';
import { requestBytes } from './http-connection.js';
import { residentBytes } from './pinned.js';
import { closedLoad } from './load.js';
import { openIdle } from './streams.js';

const wanted = 10_000;
/** Files that a process has open beside its streams. */
const otherFiles = 500;
const settleMs = 1_500;

/** Streams that the file limit allows: one file each at the gateway, and one at the client. */
function streamsAllowed(): number {
  const limit = /Max open files\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === 'unlimited' ? wanted : Math.min(wanted, Number(limit) - otherFiles);
}

/** What an open stream that says nothing costs the gateway, in KiB of resident memory, garbage collected before both looks. */
export async function idleStreamKibibytes(directory: string, streamsMax = wanted): Promise<{ kibibytes: number; streams: number }> {
  const governed = await startGoverned(directory, ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})']);
  const { target, process: gateway } = governed;
  const collected = async (): Promise<number> => {
    process.kill(gateway.pid, 'SIGUSR2');
    await pause(settleMs);
    return residentBytes(gateway);
  };
  try {
    const streams = Math.min(streamsAllowed(), streamsMax);
    // A gateway that has worked: what it compiles and keeps once is not the streams'.
    await closedLoad(target, requestBytes(target, chatBody()), 32, 1_500);
    const before = await collected();
    const close = await openIdle(target, requestBytes(target, chatBody({ stream: true, idle: true })), streams);
    const after = await collected();
    close();
    return { kibibytes: (after - before) / 1024 / streams, streams };
  } finally {
    await governed.stop();
  }
}

/** The machine, in a line. */
export function machine(): string {
  const processors = cpus();
  return `${processors[0]?.model ?? 'unknown processor'}, ${processors.length} cores, Node ${process.versions.node}`;
}
