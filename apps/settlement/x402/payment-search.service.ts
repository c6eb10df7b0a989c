import { Inject, Injectable } from '@nestjs/common';
import { toBeHex } from 'ethers';
import type { Log, TransactionReceipt } from 'ethers';
import { DataSource } from 'typeorm';
import { x402Interface } from '#chain';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { TimedBlock } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { PaidTransfers } from './paid-transfers.service.js';
import { isTransfer } from './payment-asset.js';
import { X402PaymentStore } from './x402-payment.store.js';
import type { X402PaymentRow } from './x402-payment.store.js';

/** Blocks of one question for logs: below every public endpoint's limit. */
export const stepBlocks = 1_000;
/** Questions of one look at a payment: two seconds of them, then the others have their turn, and the next look goes on from there. */
const stepsMax = 20;
/** Endpoints may see the newest block that many blocks after one another. */
const lagBlocks = 32;

/** What a search came to. */
export interface Searched {
  /** Of the transaction that took the payment, whoever sent it. */
  readonly receipt?: TransactionReceipt;
  /** Whether everything up to the newest block was looked at. */
  readonly isThrough: boolean;
  /** The final block at its beginning. */
  readonly finalized: TimedBlock;
}

/**
 * The transaction of somebody else that used a payment's authorisation: anybody may send one. Looked for in every block since the payment was set aside, in steps; what is
 * final is searched once, whatever becomes of this process.
 */
@Injectable()
export class PaymentSearch {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_START_BLOCK'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly payments: X402PaymentStore,
    private readonly transfers: PaidTransfers,
  ) {}

  /** Error: CHAIN_UNAVAILABLE. */
  async find(row: X402PaymentRow): Promise<Searched> {
    const [finalized, latest] = await Promise.all([this.chain.finalized(), this.chain.latest()]);
    const { SETTLEMENT_START_BLOCK: start } = this.config;
    let from = Math.max(start, (row.searchedTo ?? (row.fromBlock ?? start) - lagBlocks - 1) + 1);
    for (let step = 0; step < stepsMax && from <= latest.number; step += 1) {
      const to = Math.min(latest.number, from + stepBlocks - 1);
      const receipt = await this.within(row, from, to);
      if (receipt) return { receipt, isThrough: false, finalized };
      const searched = Math.min(to, finalized.number);
      if (searched >= from) await withTenant(this.dataSource, '*', (manager) => this.payments.searched(manager, row.id, searched));
      from = to + 1;
    }
    return { isThrough: from > latest.number, finalized };
  }

  private async within(row: X402PaymentRow, fromBlock: number, toBlock: number): Promise<TransactionReceipt | undefined> {
    for (const { transactionHash } of await this.candidates(row, fromBlock, toBlock)) {
      const receipt = await this.chain.receipt(transactionHash);
      // A nonce is used up once; a call with a signature may be one that failed.
      if (receipt && ('authorization' in row.payload || (await this.transfers.of(row, receipt)))) return receipt;
    }
    return undefined;
  }

  /** EIP-3009 names the nonce in an event. Permit2 does not: there it is a transfer of the payment's that was called for with its very signature. */
  private async candidates(row: X402PaymentRow, fromBlock: number, toBlock: number): Promise<Log[]> {
    const { payload, asset: address, payer, payTo } = row;
    const byPermit2 = !('authorization' in payload);
    const topics = byPermit2 ? x402Interface.encodeFilterTopics('Transfer', [payer, payTo]) : x402Interface.encodeFilterTopics('AuthorizationUsed', [payer, toBeHex(BigInt(payload.authorization.nonce), 32)]);
    const logs = await this.chain.logs({ address, topics, fromBlock, toBlock });
    if (!byPermit2) return logs;
    const found: Log[] = [];
    for (const log of logs.filter((each) => isTransfer(each, { asset: address, from: payer, to: payTo, amount: row.amount! }))) {
      if ((await this.chain.calldata(log.transactionHash))?.includes(payload.signature.slice(2).toLowerCase()) === true) found.push(log);
    }
    return found;
  }
}
