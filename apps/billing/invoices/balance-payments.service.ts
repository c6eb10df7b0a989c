import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import type { InvoiceDocument } from '#protocol';
import { withTenant } from '#service';
import { LedgerStore } from '../ledger/ledger.store.js';
import type { Transfer } from '../ledger/transfer.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { CreditBalancesStore } from './credit-balances.store.js';
import { balancePaymentTransfer } from './invoice-transfers.js';
import { dueOf, InvoicesStore } from './invoices.store.js';
import { PaymentsStore } from './payments.store.js';

/** Pays invoices out of what stands to the buyer's credit in their currency. */
@Injectable()
export class BalancePayments {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(PaymentsStore) private readonly payments: PaymentsStore,
    @Inject(CreditBalancesStore) private readonly balances: CreditBalancesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** How much of an amount the balance covers. */
  async covers(manager: EntityManager, tenant: string, currency: InvoiceDocument['currency'], amountMinor: bigint): Promise<bigint> {
    const has = await this.balances.of(manager, tenant, currency);
    return has < amountMinor ? has : amountMinor;
  }

  /** Notes a payment, for the caller to post: whoever asks has the turn of the tenant's invoices. */
  async note(manager: EntityManager, { id: invoice, tenant, currency }: Pick<InvoiceDocument, 'id' | 'tenant' | 'currency'>, amountMinor: bigint): Promise<Transfer> {
    const nowMs = this.clock.nowMs();
    const payment = { id: this.ids.uuid(), invoice, amountMinor, source: 'balance', reference: 'credit balance', paidAtMs: nowMs } as const;
    await this.payments.add(manager, tenant, payment, null);
    await this.outbox.record(manager, await this.records.seal(tenant, { id: payment.id, type: 'payment.noted', timeMs: nowMs, fields: { ...payment, currency, amountMinor: amountMinor.toString() }, facts: null }));
    return balancePaymentTransfer(payment.id, { tenant, currency }, amountMinor);
  }

  /** The oldest open invoices first. Answers how many payments that were. */
  async apply(tenant: string): Promise<number> {
    const made = await withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      const left = new Map<string, bigint>();
      const paid: Transfer[] = [];
      for (const invoice of await this.invoices.open(manager, tenant)) {
        const { currency } = invoice;
        const [has, dueMinor] = [left.get(currency) ?? (await this.balances.of(manager, tenant, currency)), dueOf(invoice)];
        const amountMinor = has < dueMinor ? has : dueMinor;
        left.set(currency, has - amountMinor);
        if (amountMinor > 0n) paid.push(await this.note(manager, invoice, amountMinor));
      }
      // Together, so that accounts are locked in one order.
      await this.ledger.post(manager, paid);
      return paid.length;
    });
    if (made > 0) this.outbox.kick();
    return made;
  }
}
