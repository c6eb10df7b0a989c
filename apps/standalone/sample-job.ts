import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Wallet } from 'ethers';
import { connect, sendCall, tokenCalls } from '#chain';
import { baseEnvironment, LocalError, writePrivate } from '#local';
import type { Home } from '#local';
import { fundGas } from './infrastructure/wallets.js';
import type { Narrator } from './narrator.js';
import type { ProviderNode } from './processes/provider-nodes.js';
import type { RunFile } from './run-file.js';
import { runSample, SampleFailed } from './sample/run-sample.js';
import { verifyApart } from './sample/verify-apart.js';
import { StackChain } from './sample-chain.js';
import type { Invariant, SampleContext, SampleNode, Sharer } from './sample/sample-context.js';
import type { Stack, Up } from './stack.js';

const run = promisify(execFile);
const apps = join(import.meta.dirname, '..');
/** The verifier reads every entry, posting and event: seconds for a sample's worth. */
const programMs = 120_000;
/** A tenth of a cent: more than a sentence costs. */
const buyerUnits = 1_000n;

/** Runs the sample job on a stack that is up; the machine that it kills is brought back afterwards. Error: `LocalError` when the job shows that something is wrong. */
export async function runSampleOn(up: Up, stack: Stack, home: Home, narrator: Narrator): Promise<void> {
  narrator.say('Sample job: a bank in the EU classifies its mail by embeddings, under its policy, while one machine is killed.');
  try {
    await runSample({
      api: up.run.api,
      adminKey: up.run.adminKey,
      key: up.run.key,
      tenant: up.run.tenant,
      project: up.run.project,
      nodes: up.nodes.map((node) => sampleNode(node, stack, up.run)),
      ...(await partiesOf(up, home)),
      verify: () => verify(home),
      verifyOffline: (file, logKey) => verifyApart(apps, file, logKey),
      outDir: home.directory('out'),
      progress: (done, total) => narrator.progress(done, total),
      print: (line) => narrator.say(line),
    });
  } catch (error) {
    if (error instanceof SampleFailed) throw new LocalError(error.message, { cause: error });
    throw error;
  } finally {
    await Promise.all(up.nodes.map(({ process }) => stack.supervisor.revive(process)));
  }
}

function sampleNode(node: ProviderNode, stack: Stack, { rpcUrl, contracts }: RunFile): SampleNode {
  return {
    id: node.id,
    name: node.name,
    region: node.region,
    payoutAddress: node.payoutAddress,
    directory: node.directory,
    kill: () => stack.supervisor.killOnPurpose(node.process),
    withdraw: async () => {
      const { stdout } = await program('node', ['withdraw', '--dir', node.directory, '--rpc', rpcUrl, '--escrow', contracts.escrow, '--json']);
      const { tx, units } = JSON.parse(stdout) as { tx: string; units: string };
      return { tx, units: BigInt(units) };
    },
  };
}

/** Who beside the machines is paid, the chain they are paid on, and somebody without an account who has a few test dollars. */
async function partiesOf({ run, chain, wallets }: Up, home: Home): Promise<Pick<SampleContext, 'sharers' | 'chain' | 'buyer'>> {
  const sharer = async (name: string, { address, privateKey }: Wallet, basisPoints: number): Promise<Sharer> => {
    const keyFile = home.path('secrets', `${address}.key`);
    home.directory('secrets');
    writePrivate(keyFile, privateKey);
    await fundGas(chain, address);
    return {
      ...{ name, address, basisPoints, keyFile },
      withdraw: async (statementFile) => {
        const { stdout } = await program('cli', ['settle', 'withdraw', statementFile, '--rpc', run.rpcUrl, '--key-file', keyFile, '--json']);
        const { tx, units } = JSON.parse(stdout) as { tx: string; units: string };
        return { tx, units: BigInt(units) };
      },
    };
  };
  const provider = connect(chain.rpcUrl, chain.chainId);
  try {
    await fundGas(chain, wallets.buyer.address);
    await sendCall(wallets.buyer.connect(provider), run.contracts.token, tokenCalls.mint(wallets.buyer.address, buyerUnits));
  } finally {
    provider.destroy();
  }
  return {
    sharers: [await sharer('Owner of the mail', wallets.dataOwner, 500), await sharer('Operator', wallets.operatorFees, 200)],
    chain: new StackChain(home, chain, run.contracts.escrow, wallets.buyer, wallets.payer),
    buyer: { privateKey: wallets.buyer.privateKey, network: `eip155:${run.chainId}`, asset: run.contracts.token, most: buyerUnits },
  };
}

/** `mizan verify`, as anybody would run it; it ends with 1 when an invariant is broken, and says so in its answer all the same. */
async function verify(home: Home): Promise<{ invariants: Invariant[] }> {
  const { stdout } = await program('cli', ['verify', '--json', '--run', home.path('run.json')]).catch((error: { stdout?: string; stderr?: string; message: string }) => {
    if (error.stdout?.trim().startsWith('{') === true) return { stdout: error.stdout };
    throw new LocalError(`mizan verify could not run: ${error.stderr?.trim() || error.message}`);
  });
  return JSON.parse(stdout) as { invariants: Invariant[] };
}

function program(app: string, args: string[]): Promise<{ stdout: string }> {
  return run(process.execPath, ['--no-warnings', join(apps, app, 'main.js'), ...args], { env: baseEnvironment(), timeout: programMs, maxBuffer: 16 * 1024 * 1024 });
}
