import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Interface, Transaction, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, deployEscrow, deployTestDollar, Escrow, escrowCalls, sendCall, Token, tokenCalls } from '#chain';
import { askChain } from '#local';
import { escrowAbi } from '#protocol';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { eventually } from '../e2e/eventually.js';

export const chainId = 31_337n;
/** A block is final under twelve others: reorganisations of ten leave what is final alone. */
const slotsUsual = 6;
/** Ours that are in no final block are sent again every so many ticks. */
const resendTicks = 10;
/** Longest wait for the node's answer: one that is late is no failure, and what was asked goes on. */
const nodeMs = 60_000;
const gasLimit = 3_000_000n;
const fees = { maxFeePerGas: 100_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };

/** A chain that makes a block every tick, and may at any time take blocks back, lose its pool, or restart. What is sent through it is sent again until it is final. */
export class TickingChain {
  /** What the node said last when it did not do as it was told. */
  problem = '';
  /** When each block was made, as `performance.now()`. */
  readonly madeAt = new Map<number, number>();
  private isTicking = true;
  private isPaused = false;
  private atRest = Promise.resolve();
  private readonly own = new Map<string, string>();
  private readonly nonces = new Map<string, number>();
  private readonly ticking: Promise<void>;

  private constructor(
    private anvil: Anvil,
    private readonly stateFile: string,
    readonly provider: JsonRpcProvider,
    readonly escrow: Escrow,
    readonly token: Token,
    /** Deploys, mints and pushes. */
    readonly anybody: Wallet,
    private readonly tickMs: number,
    private readonly slots: number,
  ) {
    this.ticking = this.tick();
  }

  /** With token and escrow, and so many units minted and approved for each payer. */
  static async start(directory: string, payerKeys: readonly string[], unitsEach: bigint, { tickMs, slots = slotsUsual }: { tickMs: number; slots?: number | undefined }): Promise<TickingChain> {
    const stateFile = join(directory, 'state.json');
    const anvil = await startAnvil({ stateFile, slots });
    const provider = connect(anvil.rpcUrl, chainId);
    provider.pollingInterval = 20;
    const anybody = new Wallet(anvilKeys[0], provider);
    const token = new Token(await deployTestDollar(anybody), provider);
    const escrow = new Escrow(await deployEscrow(anybody, { token: token.address, unit: 1n, thawSeconds: 60n }), provider);
    for (const key of payerKeys) {
      const payer = new Wallet(key, provider);
      await askChain(anvil.rpcUrl, 'anvil_setBalance', [payer.address, '0xde0b6b3a7640000']);
      await sendCall(anybody, token.address, tokenCalls.mint(payer.address, unitsEach));
      await sendCall(payer, token.address, tokenCalls.approve(escrow.address, unitsEach));
    }
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [false]);
    await askChain(anvil.rpcUrl, 'anvil_mine', [`0x${(2 * slots + 1).toString(16)}`]);
    return new TickingChain(anvil, stateFile, provider, escrow, token, anybody, tickMs, slots);
  }

  get rpcUrl(): string {
    return this.anvil.rpcUrl;
  }

  /** Sees to it that a call by a wallet of this test is made, whatever becomes of the blocks. */
  async see(wallet: Wallet, to: string, data: string): Promise<void> {
    const nonce = this.nonces.get(wallet.address) ?? (await this.provider.getTransactionCount(wallet.address, 'latest'));
    this.nonces.set(wallet.address, nonce + 1);
    const raw = await wallet.signTransaction({ type: 2, chainId, to, data, nonce, gasLimit, ...fees });
    this.own.set(Transaction.from(raw).hash!, raw);
    await this.ask('eth_sendRawTransaction', [raw]);
  }

  deposit(payer: Wallet, units: bigint): Promise<void> {
    return this.see(payer, this.escrow.address, escrowCalls.deposit(units));
  }

  /** Pushes what payees have to them. */
  push(payers: readonly string[], indices: readonly number[]): Promise<void> {
    return this.see(this.anybody, this.escrow.address, escrowCalls.pushMany(payers, indices));
  }

  /** Takes back the newest blocks and puts empty ones in their place; never what was final. */
  async reorganise(depth: number): Promise<void> {
    if (depth >= 2 * this.slots) throw new Error(`a reorganisation of ${depth} blocks takes back what is final under ${2 * this.slots}`);
    // A chain that has just restarted holds no state of the blocks before.
    await eventually(`the state of the chain ${depth} blocks ago`, async () => (await this.heldAt((await this.head()) - depth)) >= 0n);
    await this.atRestFor(async () => {
      const head = await this.head();
      const kept = await this.heldAt(head - depth);
      // Asked once, with all patience: while the node is at it, its newest block is a lower one, and as many below that may be final.
      await askChain(this.rpcUrl, 'anvil_reorg', [depth, []], nodeMs);
      if ((await this.head()) !== head || (await this.heldAt(head)) !== kept) throw new Error(`the node took back something else than ${depth} blocks`);
    });
  }

  /** Forgets every transaction that is in no block. */
  async losePool(): Promise<void> {
    await this.ask('anvil_dropAllTransactions', []);
  }

  /** Ends the node and starts it with the state that it wrote; its pool is gone. */
  async restart(): Promise<void> {
    await this.atRestFor(async () => {
      const head = await this.head();
      await this.anvil.stop();
      this.anvil = await startAnvil({ port: this.anvil.port, stateFile: this.stateFile, slots: this.slots, mining: false });
      if ((await this.head()) !== head) throw new Error('the node came back without its newest blocks');
    });
  }

  /** Resolves when everything of ours is final. */
  async settled(): Promise<void> {
    await eventually('the transactions of the test itself to be final', async (saw) => {
      await this.sendAgain();
      saw(`${this.own.size} are not`);
      return this.own.size === 0 ? true : undefined;
    });
  }

  /** Every event of a name that the escrow has in its blocks. */
  async events(name: 'EpochSettled' | 'Deposited' | 'Withdrawn'): Promise<{ payer: string; epoch?: bigint; units: bigint }[]> {
    const abi = new Interface(escrowAbi);
    const logs = await this.provider.getLogs({ address: this.escrow.address, fromBlock: 0, toBlock: 'latest', topics: [abi.getEvent(name)!.topicHash] });
    return logs.map((log) => abi.parseLog(log)!.args.toObject() as { payer: string; epoch?: bigint; units: bigint });
  }

  async stop(): Promise<void> {
    this.isTicking = false;
    await this.ticking;
    this.provider.destroy();
    await this.anvil.stop();
  }

  private async head(): Promise<number> {
    return Number(await askChain<string>(this.rpcUrl, 'eth_blockNumber', [], nodeMs));
  }

  /** What the escrow held at a block. */
  private async heldAt(block: number): Promise<bigint> {
    const call = { to: this.token.address, data: new Interface(['function balanceOf(address) view returns (uint256)']).encodeFunctionData('balanceOf', [this.escrow.address]) };
    return BigInt(await askChain<string>(this.rpcUrl, 'eth_call', [call, `0x${block.toString(16)}`], nodeMs));
  }

  /** The node is told one thing at a time: a block that is made while others are taken back may lose its state. */
  private async atRestFor(work: () => Promise<void>): Promise<void> {
    this.isPaused = true;
    try {
      await this.atRest;
      await work();
    } finally {
      this.isPaused = false;
    }
  }

  private async tick(): Promise<void> {
    for (let count = 1; this.isTicking; count += 1) {
      if (!this.isPaused) await (this.atRest = this.makeBlock(count));
      await sleep(this.tickMs);
    }
  }

  private async makeBlock(count: number): Promise<void> {
    await this.ask('evm_mine', []);
    const number = await this.head().catch(() => null);
    if (number !== null && !this.madeAt.has(number)) this.madeAt.set(number, performance.now());
    if (count % resendTicks === 0) await this.sendAgain();
  }

  private async sendAgain(): Promise<void> {
    const final = await askChain<{ number: string }>(this.rpcUrl, 'eth_getBlockByNumber', ['finalized', false], nodeMs).catch(() => null);
    if (final === null) return;
    for (const [hash, raw] of this.own) {
      const receipt = await askChain<{ blockNumber: string } | null>(this.rpcUrl, 'eth_getTransactionReceipt', [hash], nodeMs).catch(() => null);
      if (receipt === null) await this.ask('eth_sendRawTransaction', [raw]);
      else if (Number(receipt.blockNumber) <= Number(final.number)) this.own.delete(hash);
    }
  }

  /** The node may be away, or know it already. */
  private async ask(method: string, parameters: unknown[]): Promise<void> {
    await askChain(this.rpcUrl, method, parameters, nodeMs).catch((error: unknown) => (this.problem = String(error)));
  }
}
