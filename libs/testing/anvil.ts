import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { anvilProgram, askChain, freePort, localChainId } from '#local';

export interface Anvil {
  readonly rpcUrl: string;
  readonly port: number;
  /** Resolves when the process is gone: SIGKILL, or SIGTERM if it has a `stateFile` to write. */
  stop(): Promise<void>;
}

/** Longest wait for the first answer; 46–146 ms is usual, the rest is for a loaded machine. */
const readyMs = 20_000;

/** Longest time that it may take to write its state: killed before, it would come back as it was at its last end. */
const stopMs = 60_000;

/**
 * A real EVM chain of its own, on loopback, with one block per transaction (finalised two blocks later: twice the `slots`) and ten rich accounts
 * ({@link anvilKeys}). Give `port` and `stateFile` to bring the same chain back after `stop`; `mining: false` makes blocks when told only,
 * `hardfork` has it follow older rules.
 */
export async function startAnvil(options: { port?: number; stateFile?: string; chainId?: bigint; slots?: number; mining?: boolean; hardfork?: string } = {}): Promise<Anvil> {
  const port = options.port ?? (await freePort());
  const args = ['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(options.chainId ?? localChainId), '--slots-in-an-epoch', String(options.slots ?? 1), '--enable-tx-gas-limit', '--silent'];
  if (options.hardfork !== undefined) args.push('--hardfork', options.hardfork);
  if (options.mining === false) args.push('--no-mining');
  if (options.stateFile !== undefined) args.push('--state', options.stateFile);
  const child = spawn(anvilProgram(), args, { stdio: 'ignore' });
  const gone = once(child, 'exit');
  const rpcUrl = `http://127.0.0.1:${port}`;
  const deadline = performance.now() + readyMs;
  while (!(await answers(rpcUrl))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`anvil did not answer at ${rpcUrl} (exit code ${child.exitCode})`);
    }
    await sleep(20);
  }
  return {
    rpcUrl,
    port,
    async stop() {
      child.kill(options.stateFile === undefined ? 'SIGKILL' : 'SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await gone;
      clearTimeout(late);
    },
  };
}

const answers = (rpcUrl: string): Promise<boolean> =>
  askChain(rpcUrl, 'eth_chainId').then(
    () => true,
    () => false,
  );

/** Private keys of the first rich accounts of every anvil. Public knowledge; worth nothing elsewhere. */
export const anvilKeys = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
  '0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a',
] as const;

/** Mines empty blocks, so that what came before becomes final. */
export async function mine(rpcUrl: string, blocks = 3): Promise<void> {
  await askChain(rpcUrl, 'anvil_mine', [`0x${blocks.toString(16)}`]);
}

/** Mines a block every so often. When `stop` has resolved none is on its way any more: what is asked of the chain then finds the head where it is. */
export function keepMining(rpcUrl: string, everyMs = 150): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const mining = (async () => {
    while (!stopping.signal.aborted) {
      await mine(rpcUrl, 1).catch(() => undefined);
      await sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    stop: () => {
      stopping.abort();
      return mining;
    },
  };
}
