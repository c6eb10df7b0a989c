import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { invoiceCalls, InvoicePayment, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { isDerived } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { paymentTransfer } from './invoice-transfers.js';
import { InvoicesService } from './invoices.service.js';
import { dueOf, InvoicesStore } from './invoices.store.js';
import type { FoundInvoice } from './invoices.store.js';
import { excessOf, PaymentsStore } from './payments.store.js';

type Told = Omit<InvoicePayment, 'source' | 'reversal' | 'excessMinor'> & { readonly excessToBalance?: boolean };

/** An older gateway does not say who. */
const nobody = { keyId: null, tenant: null };

/** Payments that somebody tells. */
@Injectable()
export class InvoicePaymentsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(InvoicesService) private readonly service: InvoicesService,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(PaymentsStore) private readonly payments: PaymentsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** A payment told by hand, once by its id; all that came by it. Errors: NOT_FOUND, REQUEST_INVALID (more than is due), IDEMPOTENCY_MISMATCH, AMOUNT_OVERFLOW. */
  async pay(tenant: string, { excessToBalance = false, ...payment }: Told, actor: RequestOf<typeof invoiceCalls.pay>['actor'] = nobody): Promise<FoundInvoice> {
    const paid = await withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const invoice = await this.service.found(manager, tenant, payment.invoice);
      const known = await this.payments.find(manager, payment.id);
      if (known) {
        if (known.invoice === payment.invoice && known.amountMinor + (known.excessMinor ?? 0n) === payment.amountMinor && known.reference === payment.reference && known.paidAtMs === payment.paidAtMs) return invoice;
        throw failure('IDEMPOTENCY_MISMATCH', 'another payment, or this one with another amount, reference or time, has this id; use a new one', { id: payment.id });
      }
      // With the id of a payment by the chain that is still to come, it would keep that one out of the books.
      if (isDerived(payment.id)) throw failure('REQUEST_INVALID', 'ids of version 8 follow from others here; name a payment by one of version 4 or 7', { param: 'id' });
      if (invoice.kind !== 'invoice' || invoice.state === 'draft') throw failure('REQUEST_INVALID', 'only an issued invoice can be paid', { param: 'invoice' });
      const dueMinor = dueOf(invoice);
      const beyondMinor = payment.amountMinor - dueMinor;
      if (payment.amountMinor <= 0n || (beyondMinor > 0n && !excessToBalance)) {
        throw failure('REQUEST_INVALID', `the amount must be above 0 and at most the ${dueMinor} hundredths that are due; where more came, excessToBalance puts the rest into the credit balance`, { param: 'amountMinor' });
      }
      const [amountMinor, excessMinor] = beyondMinor > 0n ? [dueMinor, beyondMinor] : [payment.amountMinor, 0n];
      const transfer = paymentTransfer(payment.id, invoice, amountMinor, excessMinor);
      await this.payments.add(manager, tenant, { ...payment, amountMinor, excessMinor, source: 'hand' }, null);
      await this.ledger.post(manager, [transfer]);
      const fields = { actor, ...payment, source: 'hand', currency: invoice.currency, amountMinor: amountMinor.toString(), ...excessOf({ excessMinor }) };
      await this.outbox.record(manager, await this.records.seal(tenant, { id: payment.id, type: 'payment.noted', timeMs: this.clock.nowMs(), fields, facts: null }));
      return this.service.found(manager, tenant, payment.invoice);
    });
    this.outbox.kick();
    return paid;
  }
}
