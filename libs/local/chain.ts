import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Home } from './home.js';
import { baseEnvironment } from './launch.js';
import type { Launch, Running } from './launch.js';
import { LocalError } from './local.errors.js';
import type { Ports } from './ports.js';
import { whenReady } from './ready.js';

export interface LocalChain {
  rpcUrl: string;
  chainId: bigint;
  running?: Running;
}

/** The chain id of the embedded chain. */
export const localChainId = 31_337n;

/** The program of `@foundry-rs/anvil` for this platform; its install script is not needed. Error: `LocalError`. */
export function anvilProgram(): string {
  const name = `@foundry-rs/anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  try {
    const fromHere = createRequire(import.meta.url);
    const path = join(dirname(createRequire(fromHere.resolve('@foundry-rs/anvil/package.json')).resolve(`${name}/package.json`)), 'bin/anvil');
    if (existsSync(path)) return path;
  } catch {
    // Said below.
  }
  throw new LocalError(`${name} is not installed: run npm ci, or give a chain of your own by MIZAN_RPC_URL`);
}

/** One JSON-RPC question. Throws on an error answer, and when none has come in time: then what was asked may go on all the same. */
export async function askChain<T>(rpcUrl: string, method: string, params: unknown[] = [], withinMs = 3_000): Promise<T> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(withinMs),
  });
  const answer = (await response.json()) as { result?: T; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result as T;
}

/**
 * The EVM chain: anvil with its state under `.mizan/chain`, written every second and at its end, or the chain that
 * `MIZAN_RPC_URL` names. Errors: `LocalError`.
 */
export async function localChain(parts: { home: Home; ports: Ports; launch: Launch; env?: NodeJS.ProcessEnv }): Promise<LocalChain> {
  const { home, ports, launch, env = process.env } = parts;
  const given = env['MIZAN_RPC_URL'];
  if (given !== undefined && given !== '') {
    const id = await askChain<string>(given, 'eth_chainId').catch((error: unknown) => {
      throw new LocalError(`MIZAN_RPC_URL does not answer: ${(error as Error).message}`, { cause: error });
    });
    return { rpcUrl: given, chainId: BigInt(id) };
  }
  return startChain({ directory: home.directory('chain'), port: await ports.take('chain'), launch });
}

/** Starts anvil on loopback, with the state kept in `directory`. Errors: `LocalError` with the end of its log. */
export async function startChain(options: { directory: string; port: number; launch: Launch }): Promise<LocalChain> {
  const args = ['--host', '127.0.0.1', '--port', String(options.port), '--chain-id', String(localChainId), '--slots-in-an-epoch', '1'];
  args.push('--state', 'state.json', '--state-interval', '1', '--quiet');
  const running = await options.launch({
    name: 'chain',
    command: anvilProgram(),
    args,
    cwd: options.directory,
    env: { ...baseEnvironment(), HOME: options.directory },
    stopSignal: 'SIGTERM',
    stopMs: 10_000,
  });
  const rpcUrl = `http://127.0.0.1:${options.port}`;
  await whenReady(running, async () => (await askChain<string>(rpcUrl, 'eth_chainId')) !== '', 30_000);
  // Its state file holds the last state only: new blocks on top, so that the state of the last final block is there to be read.
  await askChain(rpcUrl, 'anvil_mine', ['0x3']);
  return { rpcUrl, chainId: localChainId, running };
}

/**
 * Makes transactions final on a chain that mines a block per transaction and none without: two empty blocks after each block
 * that holds one. Returns its end.
 */
export function finaliseTraffic(rpcUrl: string, everyMs = 500): () => void {
  const step = async (): Promise<void> => {
    const block = await askChain<{ transactions: unknown[] }>(rpcUrl, 'eth_getBlockByNumber', ['latest', false]);
    if (block.transactions.length > 0) await askChain(rpcUrl, 'anvil_mine', ['0x2']);
  };
  const timer = setInterval(() => void step().catch(() => {}), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
