import { Injectable } from '@nestjs/common';
import type { LogRecord } from '#protocol';
import { ChainLink } from '../chain/chain-link.js';
import { LogRecords } from '../records/log-records.service.js';
import type { X402PaymentRow } from './x402-payment.store.js';

/** Makes the log record of a request's payment, under the request's own id, sealed for the organisation that sold it. */
@Injectable()
export class SaleRecord {
  constructor(
    private readonly records: LogRecords,
    private readonly chain: ChainLink,
  ) {}

  /** An organisation that governance does not publish (any more) gets an open record: everything in it is public on chain. */
  of(row: X402PaymentRow & { readonly record: string }, at: { tx: string; blockNumber: number }): Promise<LogRecord> {
    const { record, payer, payTo, asset, scheme, amount, amountMax, jurisdiction } = row;
    const fields = { payment: row.id, payer, payTo, asset, scheme, amount: amount!.toString(), amountMax: amountMax.toString(), jurisdiction, ...at, chainId: Number(this.chain.chainId) };
    return this.records.of(row.tenant, { id: record, type: 'x402.settled', fields });
  }
}
