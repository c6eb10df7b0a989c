import { computeAddress, SigningKey, Transaction } from 'ethers';
import type { BlockTag, Filter, JsonRpcProvider, Log, TransactionReceipt } from 'ethers';
import { chainFailure, connect, Escrow, feesFor, gasLimitFor, isUnreachable, nodeMessage, reaching, Token } from '#chain';
import type { EscrowConstants, Fees } from '#chain';
import { failure } from '#protocol';
import type { SettlementConfig } from '../config.js';

/** A block that can be named in reads. */
export interface BlockRef {
  readonly number: number;
  readonly hash: string;
}

/** Bytes that are ready to be sent. */
export interface SignedBytes {
  readonly raw: string;
  readonly hash: string;
  readonly fees: Fees;
}

/** What a node said of bytes that were sent to it. `known`: it has them, or has had another with that nonce. */
export type Broadcast = { readonly outcome: 'accepted' | 'known' } | { readonly outcome: 'refused'; readonly message: string };

export const gasLimitOf = (raw: string): bigint => Transaction.from(raw).gasLimit;

const knownMessage = /already known|already imported|nonce too low|known transaction/i;

/**
 * The chain as this service sees it: one endpoint, one escrow, one relaying key. Every method's errors: CHAIN_UNAVAILABLE,
 * CHAIN_REJECTED (with `details.revert` when the escrow itself refused).
 */
export class ChainLink {
  readonly chainId: bigint;
  readonly escrow: Escrow;
  readonly sender: string;
  protected readonly provider: JsonRpcProvider;
  private readonly key: SigningKey;
  private known: EscrowConstants | undefined;

  constructor(config: Pick<SettlementConfig, 'SETTLEMENT_RPC_URL' | 'SETTLEMENT_CHAIN_ID' | 'SETTLEMENT_ESCROW' | 'SETTLEMENT_RELAYER_KEY'>) {
    this.chainId = BigInt(config.SETTLEMENT_CHAIN_ID);
    this.provider = connect(config.SETTLEMENT_RPC_URL, this.chainId);
    this.escrow = new Escrow(config.SETTLEMENT_ESCROW, this.provider);
    this.key = new SigningKey(config.SETTLEMENT_RELAYER_KEY);
    this.sender = computeAddress(this.key);
  }

  close(): void {
    this.provider.destroy();
  }

  /** Whether the endpoint is the chain that was configured and holds the escrow. */
  async isRight(): Promise<boolean> {
    const id = await reaching(() => this.provider.send('eth_chainId', []) as Promise<string>);
    return BigInt(id) === this.chainId && (await reaching(() => this.provider.getCode(this.escrow.address))) !== '0x';
  }

  async constants(): Promise<EscrowConstants> {
    return (this.known ??= await this.escrow.constants());
  }

  async tokenDecimals(): Promise<number> {
    return new Token((await this.constants()).token, this.provider).decimals();
  }

  /** The newest block that can no longer be reorganised away. */
  finalized(): Promise<BlockRef> {
    return this.block('finalized');
  }

  latest(): Promise<BlockRef> {
    return this.block('latest');
  }

  nonce(tag: 'latest' | 'finalized'): Promise<number> {
    return reaching(() => this.provider.getTransactionCount(this.sender, tag));
  }

  receipt(hash: string): Promise<TransactionReceipt | null> {
    return reaching(() => this.provider.getTransactionReceipt(hash));
  }

  /** Gas limit of a call by the relayer as things stand; fails if the call would. */
  gasLimit(target: string, data: string): Promise<bigint> {
    return reaching(async () => gasLimitFor(await this.provider.estimateGas({ from: this.sender, to: target, data }).catch((error: unknown) => this.explain(error))));
  }

  async fees(): Promise<Fees> {
    const block = await reaching(() => this.provider.getBlock('latest'));
    const tip = BigInt(await reaching(() => this.provider.send('eth_maxPriorityFeePerGas', []) as Promise<string>));
    return feesFor(block?.baseFeePerGas ?? 0n, tip);
  }

  sign(call: { target: string; data: string; nonce: number; gasLimit: bigint; fees: Fees }): SignedBytes {
    const transaction = Transaction.from({ type: 2, chainId: this.chainId, to: call.target, data: call.data, nonce: call.nonce, gasLimit: call.gasLimit, ...call.fees });
    transaction.signature = this.key.sign(transaction.unsignedHash);
    return { raw: transaction.serialized, hash: transaction.hash!, fees: call.fees };
  }

  /** What a call by the relayer would give now; fails if it would revert. */
  call(target: string, data: string): Promise<string> {
    return reaching(() => this.provider.call({ from: this.sender, to: target, data }));
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
      return knownMessage.test(message) ? { outcome: 'known' } : { outcome: 'refused', message };
    }
  }

  private async block(tag: BlockTag): Promise<BlockRef> {
    const block = await reaching(() => this.provider.getBlock(tag));
    if (!block?.hash) throw failure('CHAIN_UNAVAILABLE', `the chain has no ${String(tag)} block yet; try again shortly`);
    return { number: block.number, hash: block.hash };
  }

  /** An estimate knows the escrow's errors only as bytes: the escrow's interface gives them their names. */
  private explain(error: unknown): never {
    const { data } = error as { data?: unknown };
    if (typeof data === 'string') Object.assign(error as object, { revert: this.escrow.errorOf(data) });
    throw error;
  }
}
