import { Injectable } from '@nestjs/common';
import type { Log, TransactionReceipt } from 'ethers';
import { DataSource } from 'typeorm';
import { withTenant } from '#service';
import { isTransfer } from './payment-asset.js';
import { X402PaymentStore } from './x402-payment.store.js';
import type { X402PaymentRow } from './x402-payment.store.js';

/**
 * The transfer that paid a payment. A transaction may use up several authorisations of one payer, each for the same amount, and one of them for something else: EIP-3009 says
 * that a nonce was used and not for what, and Permit2 not even that. So each transfer pays one payment, and the one that finds none left was not paid.
 */
@Injectable()
export class PaidTransfers {
  constructor(
    private readonly dataSource: DataSource,
    private readonly payments: X402PaymentStore,
  ) {}

  async of({ id, asset, payer, payTo, amount }: X402PaymentRow, { hash, blockNumber, logs }: TransactionReceipt): Promise<Log | undefined> {
    const found = logs.filter((log) => isTransfer(log, { asset, from: payer, to: payTo, amount: amount! }));
    if (found.length === 0) return undefined;
    const taken = await withTenant(this.dataSource, '*', (manager) => this.payments.takeTransfer(manager, id, { tx: hash, blockNumber, logIndexes: found.map(({ index }) => index) }));
    return found.find(({ index }) => index === taken);
  }
}
