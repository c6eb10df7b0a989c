import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Wallet } from 'ethers';
import { connect, Escrow, escrowCalls, sendCall } from '#chain';
import { anvilProgram, askChain, baseEnvironment, freePort, launchUnder, LocalError, whenReady } from '#local';
import type { Home, LocalChain } from '#local';
import type { SampleChain, WithoutMizan } from './sample/sample-context.js';

const run = promisify(execFile);
const cli = join(import.meta.dirname, '..', 'cli', 'main.js');
const programMs = 60_000;
/** A copy is a few megabytes. */
const copyMs = 30_000;
/** The escrow's thaw in the sample, and a second. */
const thawSeconds = 86_401;
const gasMoney = '0xde0b6b3a7640000'; // 1 ether

type Settled<T> = T & { readonly tx: string | null; readonly gasUsed?: string | null };

/** The chain of the stack as the sample uses it, and a copy of it where nothing of Mizan runs. */
export class StackChain implements SampleChain {
  private state: string | undefined;

  constructor(
    private readonly home: Home,
    private readonly chain: LocalChain,
    private readonly escrow: string,
    private readonly relay: Wallet,
    private readonly payer: Wallet,
  ) {}

  /** One after the other by one key, which is nobody else's. */
  async register(addresses: readonly string[]): Promise<void> {
    const provider = connect(this.chain.rpcUrl, this.chain.chainId);
    try {
      const escrow = new Escrow(this.escrow, provider);
      const missing: string[] = [];
      for (const address of addresses) if ((await escrow.indexOf(address)) === null) missing.push(address);
      if (missing.length === 0) return;
      await fuel(this.chain.rpcUrl, this.relay.address);
      let block = 0;
      for (const address of missing) block = (await sendCall(this.relay.connect(provider), this.escrow, escrowCalls.register(address))).blockNumber;
      while (((await provider.getBlock('finalized'))?.number ?? 0) < block) await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      provider.destroy();
    }
  }

  async remember(): Promise<void> {
    this.state = await ask<string>(this.chain.rpcUrl, 'anvil_dumpState', []);
  }

  async gasOf(tx: string): Promise<bigint> {
    const receipt = await askChain<{ gasUsed: string } | null>(this.chain.rpcUrl, 'eth_getTransactionReceipt', [tx]);
    if (receipt === null) throw new LocalError(`the chain knows no transaction ${tx}`);
    return BigInt(receipt.gasUsed);
  }

  /**
   * Starts a chain from what was remembered, where no process of Mizan's runs or is known, and does there with `mizan settle`, a statement file
   * and keys what payees and payer can do alone. The copy ends with it.
   */
  async withoutMizan(statementFile: string, payeeKeyFile: string): Promise<WithoutMizan> {
    if (this.state === undefined) throw new LocalError('no copy of the chain was kept');
    const port = await freePort();
    const rpcUrl = `http://127.0.0.1:${port}`;
    const args = ['--host', '127.0.0.1', '--port', String(port), '--chain-id', String(this.chain.chainId), '--slots-in-an-epoch', '1', '--quiet'];
    const copy = await launchUnder(this.home)({ name: 'chain-copy', command: anvilProgram(), args, env: { ...baseEnvironment() } });
    try {
      await whenReady(copy, async () => (await askChain<string>(rpcUrl, 'eth_chainId')) !== '', copyMs);
      await ask(rpcUrl, 'anvil_loadState', [this.state]);
      const stranger = Wallet.createRandom();
      await fuel(rpcUrl, stranger.address);
      const settle = async <T>(step: string, key: { file: string } | { privateKey: string }): Promise<Settled<T>> => {
        const given = 'file' in key ? ['--key-file', key.file] : [];
        const env = { ...baseEnvironment(), ...('file' in key ? {} : { MIZAN_WALLET_KEY: key.privateKey }) };
        const { stdout } = await run(process.execPath, ['--no-warnings', cli, 'settle', step, statementFile, '--rpc', rpcUrl, ...given, '--json'], { env, timeout: programMs });
        return JSON.parse(stdout) as Settled<T>;
      };
      const submitted = await settle<{ sent: boolean; payees: number }>('submit', stranger);
      const withdrawn = await settle<{ payee: string; units: string }>('withdraw', { file: payeeKeyFile });
      const thawing = await settle<{ step: string; units: string }>('exit', this.payer);
      await ask(rpcUrl, 'evm_increaseTime', [thawSeconds]);
      await askChain(rpcUrl, 'anvil_mine', ['0x1']);
      const exited = await settle<{ step: string; units: string }>('exit', this.payer);
      return {
        submitted: { sent: submitted.sent, payees: submitted.payees, tx: submitted.tx },
        withdrawn: { payee: withdrawn.payee, units: BigInt(withdrawn.units), tx: withdrawn.tx! },
        exited: { asked: thawing.step === 'thawing', taken: exited.step === 'withdrawn', units: BigInt(exited.units), tx: exited.tx },
      };
    } finally {
      await copy.stop();
    }
  }
}

const fuel = (rpcUrl: string, address: string): Promise<unknown> => askChain(rpcUrl, 'anvil_setBalance', [address, gasMoney]);

/** One question whose answer is large, or takes its time. */
async function ask<T>(rpcUrl: string, method: string, params: unknown[]): Promise<T> {
  const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), signal: AbortSignal.timeout(copyMs) });
  const { result, error } = (await response.json()) as { result?: T; error?: { message: string } };
  if (error !== undefined) throw new LocalError(`${method}: ${error.message}`);
  return result as T;
}
