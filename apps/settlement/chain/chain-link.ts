import { Logger } from '@nestjs/common';
import { Transaction } from 'ethers';
import type { BlockTag, Filter, Log, TransactionReceipt } from 'ethers';
import { Bonds, chainFailure, costOf, dataFeeMax, Escrow, feesUnder, finalBlock, gasLimitFor, isKnownMessage, isUnreachable, legacyFeesUnder, nodeMessage, QuorumProvider, readPriceFeed, reaching, rulesOf, suggestedGasPrice, suggestedTip, Token } from '#chain';
import type { ChainRules, DigestSigner, EscrowConstants, FeedAnswer, Fees } from '#chain';
import { failure } from '#protocol';
import type { SettlementConfig } from '../config.js';
import { requireContracts } from './require-contracts.js';
import type { FoundContracts } from './require-contracts.js';

/** A block that can be named in reads. */
export interface BlockRef {
  readonly number: number;
  readonly hash: string;
}

/** With its time, in Unix seconds. */
export interface TimedBlock extends BlockRef {
  readonly atSeconds: bigint;
}

/** Bytes that are ready to be sent. */
export interface SignedBytes {
  readonly raw: string;
  readonly hash: string;
  readonly fees: Fees;
  /** The most that it can cost, in wei. */
  readonly costWeiMax: bigint;
}

/** What a node said of bytes that were sent to it. `known`: it has them, or has had another with that nonce. */
export type Broadcast = { readonly outcome: 'accepted' | 'known' } | { readonly outcome: 'refused'; readonly message: string };

export const gasLimitOf = (raw: string): bigint => Transaction.from(raw).gasLimit;

/** Questions to the chain at a time: a public endpoint takes some tens a second. */
const readsAtOnce = 25;

/** In parts of as many as the chain may be asked about at a time. */
export function* inBatches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += readsAtOnce) yield all.slice(at, at + readsAtOnce);
}

/**
 * The chain as this service sees it: endpoints that must agree, one escrow, one relaying key. Every method's errors: CHAIN_UNAVAILABLE,
 * CHAIN_REJECTED (with `details.revert` when the escrow itself refused).
 */
export class ChainLink {
  readonly chainId: bigint;
  readonly escrow: Escrow;
  readonly sender: string;
  protected readonly provider: QuorumProvider;
  private readonly rules: ChainRules;
  private found: Promise<FoundContracts> | undefined;

  constructor(
    private readonly config: Pick<SettlementConfig, 'SETTLEMENT_RPC_URL' | 'SETTLEMENT_CHAIN_ID' | 'SETTLEMENT_ESCROW'> & Partial<Pick<SettlementConfig, 'SETTLEMENT_RPC_QUORUM' | 'SETTLEMENT_BONDS' | 'SETTLEMENT_ESCROW_CODE_HASH'>>,
    private readonly key: DigestSigner,
  ) {
    const logger = new Logger(ChainLink.name);
    this.chainId = BigInt(config.SETTLEMENT_CHAIN_ID);
    this.rules = rulesOf(this.chainId);
    this.provider = new QuorumProvider(config.SETTLEMENT_RPC_URL, this.chainId, {
      quorum: config.SETTLEMENT_RPC_QUORUM,
      onAside: (endpoint, reason) => logger.warn(`${endpoint} ${reason}; it is set aside for a while`),
    });
    this.escrow = new Escrow(config.SETTLEMENT_ESCROW, this.provider);
    this.sender = key.address;
  }

  close(): void {
    this.provider.destroy();
  }

  /** Whether endpoints of the chain that was configured answer, and its contracts are right. */
  async isRight(): Promise<boolean> {
    await this.requireRight();
    return this.hasCode(this.escrow.address);
  }

  /** Before the first payment: whether the contracts are those that the configuration means. What was found right is not asked again. Errors as of {@link requireContracts}. */
  requireRight(): Promise<FoundContracts> {
    const { SETTLEMENT_BONDS: bonds, SETTLEMENT_ESCROW_CODE_HASH: escrowCodeHash } = this.config;
    this.found ??= requireContracts(this.provider, { escrow: this.escrow, bonds, rules: this.rules, escrowCodeHash }).catch((error: unknown) => {
      this.found = undefined;
      throw error;
    });
    return this.found;
  }

  /** The bonds at an address of this chain. */
  bonds(address: string): Bonds {
    return new Bonds(address, this.provider);
  }

  /** What a price feed answers at a block. */
  priceFeed(address: string, block: number): Promise<FeedAnswer> {
    return readPriceFeed(address, this.provider, block);
  }

  constants(): Promise<EscrowConstants> {
    return this.requireRight();
  }

  async tokenDecimals(): Promise<number> {
    return (await this.requireRight()).tokenDecimals;
  }

  /** A balance of the escrow's token at a block, in base units. */
  async heldTokens(block: number, holder = this.escrow.address): Promise<bigint> {
    return new Token((await this.constants()).token, this.provider).balanceOf(holder, block);
  }

  /** Nano-dollars in one unit, for a token that is a dollar. */
  async nanosPerUnit(): Promise<bigint> {
    return ((await this.constants()).unit * 1_000_000_000n) / 10n ** BigInt(await this.tokenDecimals());
  }

  /** The newest block that can no longer be reorganised away, by the chain's own rule. */
  async finalized(): Promise<TimedBlock> {
    const { number, hash, timestamp } = await finalBlock(this.provider, this.rules.finality);
    return { number, hash: hash!, atSeconds: BigInt(timestamp) };
  }

  latest(): Promise<TimedBlock> {
    return this.block('latest');
  }

  async hashAt(number: number): Promise<string> {
    return (await this.block(number)).hash;
  }

  async nonce(tag: 'latest' | 'finalized'): Promise<number> {
    const at = tag === 'latest' || this.rules.finality.by === 'tag' ? tag : (await this.finalized()).number;
    return reaching(() => this.provider.getTransactionCount(this.sender, at));
  }

  /** The relayer's coins, in wei. */
  balance(): Promise<bigint> {
    return reaching(() => this.provider.getBalance(this.sender));
  }

  receipt(hash: string): Promise<TransactionReceipt | null> {
    return reaching(() => this.provider.getTransactionReceipt(hash));
  }

  /** What a transaction called with, in lower-case hex; null of one that is not known. */
  async calldata(hash: string): Promise<string | null> {
    return (await reaching(() => this.provider.getTransaction(hash)))?.data ?? null;
  }

  /** Whether a transaction may still come into a block above one, as far as any endpoint that answers knows: it waits, or is in such a block. */
  async isUnderWay(hash: string, above: number): Promise<boolean> {
    const seen = (await reaching(() => this.provider.each('eth_getTransactionByHash', [hash]))) as ({ blockNumber: string | null } | null)[];
    return seen.some((transaction) => transaction !== null && (transaction.blockNumber === null || Number(transaction.blockNumber) > above));
  }

  /** Gas limit of a call by the relayer as things stand; fails if the call would. */
  gasLimit(target: string, data: string): Promise<bigint> {
    return reaching(async () => gasLimitFor(await this.provider.estimateGas({ from: this.sender, to: target, data }).catch((error: unknown) => this.explain(error))));
  }

  /** By what the newest block says: one without a base fee is of a chain that takes transactions of type 0 only. */
  async fees(): Promise<Fees> {
    const block = await reaching(() => this.provider.getBlock('latest'));
    if (block === null) throw failure('CHAIN_UNAVAILABLE', 'the chain has no block yet; try again shortly');
    const { baseFeePerGas } = block;
    if (baseFeePerGas === null) return legacyFeesUnder(this.rules.fees, await reaching(() => suggestedGasPrice(this.provider)));
    return feesUnder(this.rules.fees, baseFeePerGas, await reaching(() => suggestedTip(this.provider, baseFeePerGas)));
  }

  /** Error: SERVICE_UNAVAILABLE when the keeper of the key does not answer. */
  async sign(call: { target: string; data: string; nonce: number; gasLimit: bigint; fees: Fees }): Promise<SignedBytes> {
    const { maxFeePerGas, maxPriorityFeePerGas, isLegacy } = call.fees;
    const price = isLegacy ? { type: 0, gasPrice: maxFeePerGas } : { type: 2, maxFeePerGas, maxPriorityFeePerGas };
    const transaction = Transaction.from({ ...price, chainId: this.chainId, to: call.target, data: call.data, nonce: call.nonce, gasLimit: call.gasLimit });
    transaction.signature = await this.key.sign(transaction.unsignedHash);
    const dataFee = await dataFeeMax(this.provider, this.rules.fees, transaction.serialized);
    return { raw: transaction.serialized, hash: transaction.hash!, fees: call.fees, costWeiMax: call.gasLimit * maxFeePerGas + dataFee };
  }

  /** What a mined transaction cost, a rollup's data fee included, in wei. Where receipts do not say the price, it is the one that the bytes name. */
  cost({ hash, gasUsed, gasPrice }: TransactionReceipt, raw: string): Promise<bigint> {
    return costOf(this.provider, this.rules.fees, { hash, gasUsed, gasPrice: gasPrice || (Transaction.from(raw).gasPrice ?? 0n) });
  }

  /** What a call by the relayer would give now; fails if it would revert. */
  call(target: string, data: string): Promise<string> {
    return reaching(() => this.provider.call({ from: this.sender, to: target, data }));
  }

  /** What a contract answers anybody at a block. */
  ask(target: string, data: string, block: number): Promise<string> {
    return reaching(() => this.provider.call({ to: target, data, blockTag: block }));
  }

  async hasCode(address: string): Promise<boolean> {
    return (await reaching(() => this.provider.getCode(address))) !== '0x';
  }

  logs(filter: Filter): Promise<Log[]> {
    return reaching(() => this.provider.getLogs(filter));
  }

  /** Sends signed bytes. Only an endpoint that does not answer is an error; a refusal is an answer. */
  async broadcast(raw: string): Promise<Broadcast> {
    try {
      await this.provider.send('eth_sendRawTransaction', [raw]);
      return { outcome: 'accepted' };
    } catch (error) {
      if (isUnreachable(error)) throw chainFailure(error);
      const message = nodeMessage(error);
      return isKnownMessage(message) ? { outcome: 'known' } : { outcome: 'refused', message };
    }
  }

  private async block(tag: BlockTag): Promise<TimedBlock> {
    const block = await reaching(() => this.provider.getBlock(tag));
    if (!block?.hash) throw failure('CHAIN_UNAVAILABLE', `the chain has no ${String(tag)} block yet; try again shortly`);
    return { number: block.number, hash: block.hash, atSeconds: BigInt(block.timestamp) };
  }

  /** An estimate knows the escrow's errors only as bytes: the escrow's interface gives them their names. */
  private explain(error: unknown): never {
    const { data } = error as { data?: unknown };
    if (typeof data === 'string') Object.assign(error as object, { revert: this.escrow.errorOf(data) });
    throw error;
  }
}
