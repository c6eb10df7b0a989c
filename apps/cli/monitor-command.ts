import { Command, Option } from 'commander';
import { formatVerifierKey, isOperatorsOwn, parseVerifierKey, sha256 } from '#merkle';
import { ChainView } from './verify/chain-view.js';
import { replaceFile } from './durable-file.js';
import { Alarm } from './monitor/alarm.js';
import { chainAnchors } from './monitor/chain-anchors.js';
import { followKeys, keyToBegin } from './monitor/follow-keys.js';
import { LogSource } from './monitor/log-source.js';
import { readMemory, rememberedKey, writeMemory, type Memory } from './monitor/memory.js';
import { monitorRound, type MonitorParts, type Round } from './monitor/monitor.js';

interface Given {
  readonly log: string;
  readonly logKey: string;
  readonly formerKey?: string;
  readonly followKeys?: boolean;
  readonly state: string;
  readonly witness: readonly string[];
  readonly quorum: string;
  readonly rpc?: string;
  readonly chainId?: string;
  readonly escrow?: string;
  readonly payer: readonly string[];
  readonly anchorWithin?: string;
  readonly interval: string;
  readonly patience: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

const option = (flags: string, description: string, env: string): Option => new Option(flags, description).env(env);

/** `mizan monitor`: follows a log and raises an alarm when it shows two histories, takes one back, or signs wrongly. */
export function monitorCommand(): Command {
  return new Command('monitor')
    .description('follow an audit log from outside; exit code 1 and one line when it is forked, rolled back or wrongly signed')
    .requiredOption('--log <url>', 'where the log is served: the API and /log')
    .addOption(option('--log-key <vkey>', "the log's key, as you know it", 'MIZAN_LOG_KEY').makeOptionMandatory())
    .option('--former-key <vkey>', 'the key that the log had before, when it has a new one: what was seen under it must go on')
    .option('--follow-keys', 'go on under a key that the one you know has signed to be the next, and that the log has as an entry; without it any other key is an alarm')
    .requiredOption('--state <file>', 'what was seen last; evidence of an alarm is written beside it')
    .option('--witness <vkey...>', "verifier keys of witnesses that you trust; the operator's own count for none", [])
    .option('--quorum <number>', 'how many of them must have cosigned', '0')
    .addOption(option('--rpc <url>', 'JSON-RPC endpoint of the chain with the anchors', 'MIZAN_VERIFY_RPC_URL'))
    .addOption(option('--chain-id <id>', 'id of the chain', 'MIZAN_VERIFY_CHAIN_ID'))
    .addOption(option('--escrow <address>', 'the escrow contract', 'MIZAN_VERIFY_ESCROW'))
    .option('--payer <address...>', "payers whose anchors are this log's; left out: all of the escrow", [])
    .option('--anchor-within <seconds>', 'raise an alarm when no root of the log was put on the chain for so long; the operator anchors at least hourly')
    .option('--interval <seconds>', 'between two looks', '60')
    .option('--patience <seconds>', 'how long servers may lag behind each other and the chain; at most the interval', '30')
    .option('--once', 'look once')
    .option('--json', 'print JSON lines')
    .action(async (given: Given) => {
      const chain = chainOf(given);
      try {
        await watch(given, partsOf(given, chain));
      } finally {
        chain?.close();
      }
    });
}

async function watch(given: Given, first: MonitorParts): Promise<void> {
  const logKey = given.followKeys === true ? await keyToBegin(first.log, first.logKey, rememberedKey(given.state)) : first.logKey;
  let parts: MonitorParts = { ...first, logKey };
  const intervalMs = secondsIn('--interval', given.interval) * 1_000;
  let memory = readMemory(given.state, formatVerifierKey(logKey), given.formerKey);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  while (!stop.signal.aborted) {
    try {
      const round = await monitorRound(parts, memory);
      await writeMemory(given.state, round.memory);
      memory = round.memory;
      tell(given, { ok: true, ...told(round) }, lineOf(round));
    } catch (error) {
      const followed = given.followKeys === true && error instanceof Alarm && error.kind === 'bad-signature' ? await followKeys(parts, memory).catch(() => undefined) : undefined;
      if (followed instanceof Alarm) return raise(given, memory, followed);
      if (followed !== undefined) {
        ({ parts, memory } = followed);
        tell(given, { ok: true, logKey: memory.logKey }, `right  the log goes on under the key ${memory.logKey}`);
        continue;
      }
      if (error instanceof Alarm) return raise(given, memory, error);
      if (given.once === true) throw error;
      tell(given, { ok: null, error: (error as Error).message }, `could not look: ${(error as Error).message}`);
    }
    if (given.once === true) return;
    await pause(intervalMs, stop.signal);
  }
}

async function raise(given: Given, memory: Memory, { kind, message, note }: Alarm): Promise<void> {
  process.exitCode = 1;
  const evidence = `${given.state}.alarm`;
  tell(given, { ok: false, alarm: kind, message, evidence }, `ALARM  ${kind}: ${message} (evidence: ${evidence})`);
  await replaceFile(evidence, `${JSON.stringify({ alarm: kind, message, time: new Date().toISOString(), logKey: memory.logKey, shown: note ?? null, remembered: memory.note ?? null }, null, 2)}\n`);
}

function partsOf(given: Given, chain: ChainView | undefined): MonitorParts {
  const witnesses = given.witness.map((key) => parseVerifierKey(sha256, key));
  const logKey = parseVerifierKey(sha256, given.logKey);
  const quorum = Number(given.quorum);
  if (!Number.isInteger(quorum) || quorum < 0 || quorum > witnesses.length) throw new Error('--quorum is a number of the witnesses that are given');
  const own = witnesses.filter((key) => isOperatorsOwn(key, logKey));
  if (quorum > witnesses.length - own.length) throw new Error(`--quorum cannot be met: ${own.map(({ name }) => name).join(', ')} is the operator's own, which counts as none`);
  // What is wrong is told within one interval.
  if (given.anchorWithin !== undefined && chain === undefined) throw new Error('--anchor-within takes a chain: --rpc, --chain-id and --escrow');
  const patience = Math.min(secondsIn('--patience', given.patience), given.once === true ? Number.MAX_VALUE : secondsIn('--interval', given.interval));
  return {
    log: new LogSource(given.log.replace(/\/$/, '')),
    logKey,
    witnesses,
    quorum,
    anchors: chain && chainAnchors(chain, given.payer),
    anchorWithinMs: given.anchorWithin === undefined ? undefined : 1_000 * secondsIn('--anchor-within', given.anchorWithin),
    patienceMs: patience * 1_000,
    pauseMs: 1_000,
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
  };
}

/** Error: only a part of what names a chain is given. */
function chainOf({ rpc, chainId, escrow }: Given): ChainView | undefined {
  if (rpc === undefined && chainId === undefined && escrow === undefined) return undefined;
  if (rpc === undefined || chainId === undefined || escrow === undefined) throw new Error('anchors take all of --rpc, --chain-id and --escrow');
  return new ChainView(rpc, BigInt(chainId), escrow);
}

function secondsIn(name: string, text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0)) throw new Error(`${name} is a number of seconds`);
  return seconds;
}

const told = ({ size, added, witnessedBy, anchors }: Round) => ({ size, added, witnessedBy, anchors });

function lineOf({ size, added, witnessedBy, anchors }: Round): string {
  const seen = witnessedBy.length === 0 ? 'no witness of yours' : `witnessed by ${witnessedBy.join(', ')}`;
  return `right  ${size} entries, ${added} new, ${seen}, ${anchors} new anchors`;
}

function tell({ json }: Given, value: unknown, line: string): void {
  console.log(json === true ? JSON.stringify(value) : line);
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done);
  });
}
