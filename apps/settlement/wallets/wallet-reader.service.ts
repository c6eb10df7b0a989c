import { Inject, Injectable, Logger } from '@nestjs/common';
import { getAddress, zeroPadValue } from 'ethers';
import type { Log } from 'ethers';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { x402Interface } from '#chain';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import type { Movement, Wallet } from './wallet.js';
import { WalletStore } from './wallet.store.js';
import { WalletTeller } from './wallet-teller.service.js';

/** Blocks of one question for logs: below every public endpoint's limit. */
const blocksMax = 1_000;
/** Parts of one look, at the first a long past: the next look goes on. */
const stepsMax = 100;
/** Blocks with transfers that are looked up at a time, the newest first. */
const blocksAtOnce = 100;

/**
 * Reads what came to the wallets where sales are paid, and what left them, from final blocks only. What becomes of it when a chain takes back what was final: it is noticed by the last
 * block's hash, what is in another block takes its new place, and what is in none is taken off the books in the end ({@link WalletTeller}).
 */
@Injectable()
export class WalletReader {
  private readonly logger = new Logger(WalletReader.name);

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'X402_PAY_TO' | 'SETTLEMENT_START_BLOCK'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly store: WalletStore,
    private readonly teller: WalletTeller,
  ) {}

  /** The wallets that are read up to a final block by now; the others are on their way. Error: CHAIN_UNAVAILABLE. */
  async readTo(block: number): Promise<Wallet[]> {
    const { token } = await this.chain.constants();
    const { X402_PAY_TO: address, SETTLEMENT_START_BLOCK: startBlock } = this.config;
    const { chainId } = this.chain;
    const wallets = await this.within(async (manager) => {
      if (address !== undefined) await this.store.open(manager, { chainId, token, address: getAddress(address), startBlock });
      return this.store.all(manager, chainId, token);
    });
    const through: Wallet[] = [];
    for (const { id } of wallets) {
      let steps = 0;
      while (steps < stepsMax && !(await this.within((manager) => this.readSome(manager, id, block)))) steps += 1;
      await this.teller.tellLost(id);
      const wallet = await this.within((manager) => this.store.lock(manager, id));
      if (wallet.nextBlock > block) through.push(wallet);
    }
    return through;
  }

  /** True when all is read. The transfers, what is told of them and the cursor are one transaction. */
  private async readSome(manager: EntityManager, id: number, block: number): Promise<boolean> {
    const wallet = await this.store.lock(manager, id);
    const from = await this.readOnFrom(manager, wallet, block);
    const to = Math.min(block, from + blocksMax - 1);
    if (from <= block) {
      // Before its transfers are asked for: a block that changes in between is another one at the next look.
      const hash = await this.chain.hashAt(to);
      for (const movement of await this.movements(wallet, from, to)) await this.store.put(manager, id, movement);
      await this.store.moveCursor(manager, id, to + 1, hash);
    }
    await this.teller.tell(manager, await this.store.lock(manager, id));
    return to >= block;
  }

  private async movements({ address, token }: Wallet, fromBlock: number, toBlock: number): Promise<Movement[]> {
    const padded = zeroPadValue(address, 32);
    const [transfer] = x402Interface.encodeFilterTopics('Transfer', []);
    const [left, came] = await Promise.all([[transfer!, padded], [transfer!, null, padded]].map((topics) => this.chain.logs({ address: token, topics, fromBlock, toBlock })));
    return [...left!, ...came!].map((log) => movementOf(log, address)).filter((movement) => movement !== null);
  }

  /** Behind the last block that was read, or further back when that is gone. */
  private async readOnFrom(manager: EntityManager, { id, address, nextBlock, lastHash }: Wallet, block: number): Promise<number> {
    if (nextBlock > block || (lastHash !== null && (await this.chain.hashAt(nextBlock - 1)) === lastHash)) return nextBlock;
    const { standing, gone } = await this.fork(manager, id);
    if (gone.length > 0) {
      await this.store.takeBack(manager, id, gone, block);
      this.logger.error(`the chain took back blocks that were final: transfers of wallet ${address} above block ${standing} are read again`);
    }
    const from = lastHash === null && gone.length === 0 ? nextBlock : Math.max(this.config.SETTLEMENT_START_BLOCK, Math.min(nextBlock, standing + 1));
    await this.store.moveCursor(manager, id, from, null);
    return from;
  }

  /** The newest block with transfers that stands, -1 for none; and those above it, which are gone. */
  private async fork(manager: EntityManager, id: number): Promise<{ standing: number; gone: string[] }> {
    const gone: string[] = [];
    for (let next = Number.MAX_SAFE_INTEGER; ; ) {
      const blocks = await this.store.blocksBelow(manager, id, next, blocksAtOnce);
      for (const { number, hash } of blocks) {
        if ((await this.chain.hashAt(number)) === hash) return { standing: number, gone };
        gone.push(hash);
        next = number;
      }
      if (blocks.length === 0) return { standing: -1, gone };
    }
  }

  private within<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return withTenant(this.dataSource, '*', work);
  }
}

/** Null of what moves nothing: a transfer of nothing, or of the wallet to itself. */
function movementOf(log: Log, address: string): Movement | null {
  const [from, to, amount] = x402Interface.parseLog(log)!.args as unknown as [string, string, bigint];
  if (amount === 0n || from === to) return null;
  const { blockHash, blockNumber, transactionHash: tx, index: logIndex } = log;
  return { blockHash, tx, logIndex, blockNumber, ...(to === address ? { counterparty: from, amount } : { counterparty: to, amount: -amount }) };
}
