import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { assert, Clock, Ids, isDomainError } from '#kernel';
import type { Json } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { invoiceCalls, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { LedgerStore } from '../ledger/ledger.store.js';
import type { Transfer } from '../ledger/transfer.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { chainPaymentTransfer, paymentTransfer, reversalTransfer } from './invoice-transfers.js';
import { InvoicesStore } from './invoices.store.js';
import type { FoundInvoice } from './invoices.store.js';
import { excessOf, PaymentsStore } from './payments.store.js';
import type { StoredPayment } from './payments.store.js';

/** Payments that were none: the invoice is open again, each once. */
@Injectable()
export class PaymentReversals {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(PaymentsStore) private readonly payments: PaymentsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** One that was told by hand. Errors: NOT_FOUND, REQUEST_INVALID, CONFLICT, IDEMPOTENCY_MISMATCH. */
  async byHand({ tenant, invoice: id, payment: paymentId, id: reversal, reason, actor }: RequestOf<typeof invoiceCalls.reversePayment>): Promise<FoundInvoice> {
    const open = await withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const invoice = await this.invoices.find(manager, tenant, id);
      const payment = await this.payments.find(manager, paymentId);
      if (!invoice || payment?.invoice !== id) throw failure('NOT_FOUND', 'there is no such payment of this invoice', { invoice: id, payment: paymentId });
      const known = await this.payments.reversedBy(manager, reversal);
      if (known) {
        if (known.id === paymentId && known.reversal?.reason === reason) return invoice;
        throw failure('IDEMPOTENCY_MISMATCH', 'this id is of the reversal of another payment, or of this one for another reason; use a new one', { id: reversal });
      }
      if (payment.reversal !== null) throw failure('CONFLICT', 'this payment was reversed before', { reversal: payment.reversal.id });
      if (payment.source !== 'hand') throw failure('REQUEST_INVALID', 'only a payment that was told by hand is reversed by hand: others follow the chain, or the credit balance', { param: 'payment' });
      await this.ledger.post(manager, [await this.note(manager, invoice, payment, { id: reversal, reason }, { actor })]).catch((error: unknown) => {
        if (!isDomainError(error, 'ACCOUNT_LIMIT')) throw error;
        throw failure('CONFLICT', 'what this payment was beyond its invoice has paid another one or was paid back since: it stays', { payment: paymentId }, error);
      });
      return this.invoices.find(manager, tenant, id);
    });
    assert(open !== undefined, 'an invoice whose payment was reversed is there');
    this.outbox.kick();
    return open;
  }

  /** One whose deposit the chain took back for good, for the caller to post: whoever asks has the turn of the tenant's invoices. */
  async takenBack(manager: EntityManager, tenant: string, payment: StoredPayment): Promise<Transfer> {
    const invoice = await this.invoices.find(manager, tenant, payment.invoice);
    assert(invoice !== undefined, 'what was paid is there');
    return this.note(manager, invoice, payment, { id: this.ids.uuid(), reason: 'the chain took back the deposit that paid it' }, {});
  }

  private async note(manager: EntityManager, invoice: FoundInvoice, payment: StoredPayment, { id, reason }: { id: string; reason: string }, by: { readonly [name: string]: Json }): Promise<Transfer> {
    const atMs = this.clock.nowMs();
    await this.payments.reverse(manager, payment, { id, reason, atMs });
    const paid = payment.usdNanos === null ? paymentTransfer(payment.id, invoice, payment.amountMinor, payment.excessMinor) : chainPaymentTransfer(payment.id, invoice, payment.amountMinor, payment.usdNanos);
    const reversed = reversalTransfer(paid);
    const fields = { ...by, reversal: id, payment: payment.id, invoice: invoice.id, source: payment.source, currency: invoice.currency, amountMinor: payment.amountMinor.toString(), ...excessOf(payment), reference: payment.reference, reason };
    await this.outbox.record(manager, await this.records.seal(invoice.tenant, { id: reversed.id, type: 'payment.reversed', timeMs: atMs, fields, facts: null }));
    return reversed;
  }
}
