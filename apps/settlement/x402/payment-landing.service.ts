import { Injectable, Logger } from '@nestjs/common';
import type { TransactionReceipt } from 'ethers';
import { DataSource } from 'typeorm';
import { Outbox } from '#messaging';
import { failure, x402Events } from '#protocol';
import type { SettleResponse } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { TimedBlock } from '../chain/chain-link.js';
import { PaidTransfers } from './paid-transfers.service.js';
import { PaymentSearch } from './payment-search.service.js';
import { SaleRecord } from './sale-record.js';
import { X402PaymentStore } from './x402-payment.store.js';
import type { X402PaymentRow } from './x402-payment.store.js';

/** Payments that are brought to their end in one round. */
const roundMax = 50;
/** An end that has not come yet is looked for again after this long: about a block. */
const againMs = 2_000;
/** A payer may sign an authorisation for ever: whether somebody sends it after all is looked for this long. What comes later is in the wallet, and buys nothing. */
const watchMs = 24 * 3_600_000;

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
    private readonly search: PaymentSearch,
    private readonly transfers: PaidTransfers,
    private readonly outbox: Outbox,
    private readonly records: SaleRecord,
  ) {}

  /** What can be said of a payment now: final, in a block, or failed; `undefined` while it is on its way. Error: CHAIN_UNAVAILABLE. */
  async look(row: X402PaymentRow): Promise<SettleResponse | undefined> {
    if (row.state === 'settled') return this.told(row, { success: true, transaction: row.tx ?? '' });
    if (row.state === 'failed') return this.told(row, { success: false, errorReason: row.error ?? failed(row), transaction: '' });
    if (row.sending === 'mined' || row.sending === 'final') {
      const receipt = await this.chain.receipt(row.tx!);
      if (!receipt) return undefined;
      if (receipt.status === 1) return this.inBlock(row, receipt);
    } else if (row.sending !== 'failed') return undefined;
    // Ours was refused or reverted, as it is when another was first.
    const { receipt, isThrough } = await this.search.find(row);
    if (receipt) return this.inBlock(row, receipt);
    return isThrough ? this.told(row, { success: false, errorReason: failed(row), transaction: row.tx ?? '' }) : undefined;
  }

  /** Brings payments whose transactions have ended to their own end; one that cannot be is no reason to leave the others. Error: CHAIN_UNAVAILABLE. */
  async round(): Promise<void> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.payments.ended(manager, roundMax, againMs));
    if (rows.length === 0) return;
    const finalized = await this.chain.finalized();
    for (const row of rows) {
      await this.end(row, finalized).catch((error: unknown) => this.logger.warn(`the end of payment ${row.id} cannot be told yet: ${error instanceof Error ? error.message : String(error)}`));
    }
  }

  told(row: X402PaymentRow, said: Pick<SettleResponse, 'success' | 'errorReason' | 'transaction'>): SettleResponse {
    return { ...said, payer: row.payer, network: `eip155:${this.chain.chainId}`, ...(said.success && { amount: row.amount!.toString() }) };
  }

  private async inBlock(row: X402PaymentRow, receipt: TransactionReceipt): Promise<SettleResponse> {
    return (await this.transfers.of(row, receipt)) ? this.told(row, { success: true, transaction: receipt.hash }) : this.told(row, { success: false, errorReason: mismatch(row), transaction: receipt.hash });
  }

  private async end(row: X402PaymentRow, finalized: TimedBlock): Promise<void> {
    const receipt = await this.landed(row, finalized);
    if (receipt === undefined || (receipt !== null && receipt.blockNumber > finalized.number)) return;
    const log = receipt === null ? undefined : await this.transfers.of(row, receipt);
    if (!receipt || !log) {
      const error = receipt === null ? failed(row) : mismatch(row);
      this.logger.warn(`payment ${row.id} of ${row.payer} did not come: ${row.error ?? error}`);
      await withTenant(this.dataSource, '*', (manager) => this.payments.end(manager, row.id, { error }));
      return;
    }
    const at = { tx: receipt.hash, blockHash: receipt.blockHash, blockNumber: receipt.blockNumber, logIndex: log.index };
    const { unit } = await this.chain.constants();
    const { record } = row;
    const entry = record === null ? undefined : await this.records.of({ ...row, record }, at);
    await withTenant(this.dataSource, '*', async (manager) => {
      const isOurs = await this.payments.end(manager, row.id, { tx: receipt.hash });
      if (!isOurs || record === null || !entry) return;
      await this.outbox.event(manager, x402Events.settled, { payment: row.id, tenant: row.tenant, record, payer: row.payer, payTo: row.payTo, units: row.amount! / unit, at });
      await this.outbox.record(manager, entry);
    });
    this.outbox.kick();
  }

  /** The transaction that took it, ours or another's; null: it can come no more; undefined: it can. Errors: CHAIN_UNAVAILABLE. */
  private async landed(row: X402PaymentRow, finalized: TimedBlock): Promise<TransactionReceipt | null | undefined> {
    if (row.sending === 'final') {
      const receipt = await this.chain.receipt(row.tx!);
      if (!receipt) throw failure('CHAIN_UNAVAILABLE', `no endpoint has the receipt of ${row.tx}, which is final`);
      return receipt;
    }
    const { receipt, isThrough } = await this.search.find(row);
    if (receipt) return receipt;
    return isThrough && finalized.atSeconds > lastSeconds(row) ? null : undefined;
  }
}

/** When the authorisation is good for the last time, as far as that is waited for. */
function lastSeconds({ payload, createdAtMs }: X402PaymentRow): bigint {
  const signed = BigInt('authorization' in payload ? payload.authorization.validBefore : payload.permit2Authorization.deadline);
  const watched = BigInt(Math.ceil((createdAtMs + watchMs) / 1_000));
  return signed < watched ? signed : watched;
}

const failed = ({ scheme }: X402PaymentRow): string => `invalid_${scheme}_evm_transaction_failed`;
const mismatch = ({ scheme }: X402PaymentRow): string => `invalid_${scheme}_evm_transfer_event_mismatch`;
