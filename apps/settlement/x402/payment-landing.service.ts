import { Injectable, Logger } from '@nestjs/common';
import { toBeHex } from 'ethers';
import type { Log, TransactionReceipt } from 'ethers';
import { DataSource } from 'typeorm';
import { x402Interface } from '#chain';
import { Outbox } from '#messaging';
import { x402Events } from '#protocol';
import type { SettleResponse } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { transferIn } from './payment-asset.js';
import { SaleRecord } from './sale-record.js';
import { X402PaymentStore } from './x402-payment.store.js';
import type { X402PaymentRow } from './x402-payment.store.js';

/** Payments that are brought to their end in one round. */
const roundMax = 50;
/** An authorisation that somebody else sent is looked for in this many of the last blocks: the longest that one is good for, at two seconds a block. */
const searchBlocks = 1_800;

/**
 * Where payments land. The books and the log are told of what is final only. An authorisation may be sent by anybody: when ours fails
 * because another was first, the money has come all the same.
 */
@Injectable()
export class PaymentLanding {
  private readonly logger = new Logger(PaymentLanding.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly payments: X402PaymentStore,
    private readonly outbox: Outbox,
    private readonly records: SaleRecord,
  ) {}

  /** What can be said of a payment now: final, in a block, or failed; `undefined` while it is on its way. Error: CHAIN_UNAVAILABLE. */
  async look(row: X402PaymentRow): Promise<SettleResponse | undefined> {
    if (row.state === 'settled') return this.told(row, { success: true, transaction: row.tx ?? '' });
    if (row.state === 'failed') return this.told(row, { success: false, errorReason: row.error ?? failed(row), transaction: '' });
    if (row.sending === 'mined' || row.sending === 'final') {
      const receipt = await this.chain.receipt(row.tx!);
      if (receipt) return this.inBlock(row, receipt);
    }
    if (row.sending !== 'failed') return undefined;
    const other = await this.sentByAnother(row);
    return other ? this.inBlock(row, other) : this.told(row, { success: false, errorReason: failed(row), transaction: '' });
  }

  /** Brings payments whose transactions have ended to their own end. Error: CHAIN_UNAVAILABLE. */
  async round(): Promise<void> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.payments.ended(manager, roundMax));
    if (rows.length === 0) return;
    const finalized = await this.chain.finalized();
    for (const row of rows) await this.end(row, finalized.number);
  }

  told(row: X402PaymentRow, said: Pick<SettleResponse, 'success' | 'errorReason' | 'transaction'>): SettleResponse {
    return { ...said, payer: row.payer, network: `eip155:${this.chain.chainId}`, ...(said.success && { amount: row.amount!.toString() }) };
  }

  private inBlock(row: X402PaymentRow, receipt: TransactionReceipt): SettleResponse {
    if (receipt.status !== 1) return this.told(row, { success: false, errorReason: failed(row), transaction: receipt.hash });
    return moved(row, receipt) ? this.told(row, { success: true, transaction: receipt.hash }) : this.told(row, { success: false, errorReason: mismatch(row), transaction: receipt.hash });
  }

  private async end(row: X402PaymentRow, finalBlock: number): Promise<void> {
    const receipt = row.sending === 'final' ? await this.chain.receipt(row.tx!) : await this.sentByAnother(row);
    if (receipt && receipt.blockNumber > finalBlock) return;
    const log = receipt?.status === 1 ? moved(row, receipt) : undefined;
    if (!receipt || !log) {
      const error = receipt?.status === 1 ? mismatch(row) : failed(row);
      this.logger.warn(`payment ${row.id} of ${row.payer} did not come: ${row.error ?? error}`);
      return withTenant(this.dataSource, '*', (manager) => this.payments.end(manager, row.id, { error }));
    }
    const at = { tx: receipt.hash, blockHash: receipt.blockHash, blockNumber: receipt.blockNumber, logIndex: log.index };
    const { unit } = await this.chain.constants();
    const { record } = row;
    const entry = record === null ? undefined : await this.records.of({ ...row, record }, at);
    await withTenant(this.dataSource, '*', async (manager) => {
      await this.payments.end(manager, row.id, { tx: receipt.hash });
      if (record === null || !entry) return;
      await this.outbox.event(manager, x402Events.settled, { payment: row.id, tenant: row.tenant, record, payer: row.payer, payTo: row.payTo, units: row.amount! / unit, at });
      await this.outbox.record(manager, entry);
    });
    this.outbox.kick();
  }

  /** The transaction of somebody else that used the same authorisation. Permit2 names no nonce in its events: there it is not looked for. */
  private async sentByAnother({ payload, asset, payer }: X402PaymentRow): Promise<TransactionReceipt | undefined> {
    if (!('authorization' in payload)) return undefined;
    const latest = await this.chain.latest();
    const topics = x402Interface.encodeFilterTopics('AuthorizationUsed', [payer, toBeHex(BigInt(payload.authorization.nonce), 32)]);
    const [used] = await this.chain.logs({ address: asset, topics, fromBlock: Math.max(0, latest.number - searchBlocks), toBlock: 'latest' });
    return used && ((await this.chain.receipt(used.transactionHash)) ?? undefined);
  }
}

const failed = ({ scheme }: X402PaymentRow): string => `invalid_${scheme}_evm_transaction_failed`;
const mismatch = ({ scheme }: X402PaymentRow): string => `invalid_${scheme}_evm_transfer_event_mismatch`;

const moved = ({ asset, payer, payTo, amount }: X402PaymentRow, { logs }: TransactionReceipt): Log | undefined => transferIn(logs, { asset, from: payer, to: payTo, amount: amount! });
