import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import type { Json } from '#kernel';
import { Outbox } from '#messaging';
import { withTenant } from '#service';
import { LedgerStore } from '../ledger/ledger.store.js';
import type { Transfer } from '../ledger/transfer.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { readDocument } from './invoice-document.js';
import { chainPaymentTransfer, paymentId } from './invoice-transfers.js';
import { dueOf, InvoicesStore } from './invoices.store.js';
import { PaymentReversals } from './payment-reversals.service.js';
import { PaymentsStore } from './payments.store.js';
import type { SettledMoney } from './payments.store.js';
import { fromUsd, nanosPerMinor, toUsd } from './rounding.js';

type Money = { -readonly [K in keyof SettledMoney]: SettledMoney[K] };

/** Payments by what the chain settled: each dollar once, and no longer than the chain holds to it. */
@Injectable()
export class ChainPayments {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(PaymentsStore) private readonly payments: PaymentsStore,
    @Inject(PaymentReversals) private readonly reversals: PaymentReversals,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** What is settled pays the oldest open invoices, in whole hundredths. Answers how many payments that were. */
  async apply(tenant: string): Promise<number> {
    const made = await withTenant(this.dataSource, '*', async (manager) => {
      await this.lock(manager, tenant);
      return this.follow(manager, tenant);
    });
    if (made > 0) this.outbox.kick();
    return made;
  }

  /** The turn of a tenant's invoices: before anything else is locked that `follow` needs. */
  lock(manager: EntityManager, tenant: string): Promise<void> {
    return this.invoices.lockTenant(manager, tenant);
  }

  /** Takes back what the chain has taken back, then pays what is open; posted together, so that accounts are locked in one order. */
  async follow(manager: EntityManager, tenant: string): Promise<number> {
    const money: Money[] = (await this.payments.settled(manager, tenant)).map((one) => ({ ...one }));
    const taken: Transfer[] = [];
    for (const one of money) if (one.leftNanos < 0n) taken.push(...(await this.takeBack(manager, tenant, one)));
    const paid: Transfer[] = [];
    for (const invoice of await this.invoices.open(manager, tenant)) {
      const { rate } = readDocument((await this.invoices.document(manager, invoice.id))!);
      let dueMinor = dueOf(invoice);
      for (const one of money) {
        const has = one.leftNanos <= 0n ? 0n : fromUsd(one.leftNanos, rate.nanosPerUsd) / nanosPerMinor;
        const amountMinor = has < dueMinor ? has : dueMinor;
        if (amountMinor <= 0n) continue;
        const id = paymentId(invoice.id, one.statement, await this.payments.countOf(manager, invoice.id, one.statement));
        const exact = toUsd(amountMinor * nanosPerMinor, rate.nanosPerUsd);
        const usdNanos = exact < one.leftNanos ? exact : one.leftNanos;
        const payment = { id, invoice: invoice.id, amountMinor, source: 'chain', reference: one.tx, paidAtMs: one.settledAtMs } as const;
        await this.payments.add(manager, tenant, payment, { statement: one.statement, usdNanos });
        paid.push(chainPaymentTransfer(id, invoice, amountMinor, usdNanos));
        await this.tell(manager, tenant, id, { ...payment, currency: invoice.currency, amountMinor: amountMinor.toString(), statement: one.statement, usdNanos: usdNanos.toString() });
        one.leftNanos -= usdNanos;
        dueMinor -= amountMinor;
      }
    }
    await this.ledger.post(manager, [...taken, ...paid]);
    return paid.length;
  }

  private async tell(manager: EntityManager, tenant: string, id: string, fields: { readonly [name: string]: Json }): Promise<void> {
    await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'payment.noted', timeMs: this.clock.nowMs(), fields, facts: null }));
  }

  /** The newest invoices are open again first; ids rise with time. */
  private async takeBack(manager: EntityManager, tenant: string, one: Money): Promise<Transfer[]> {
    const taken: Transfer[] = [];
    const paid = (await this.payments.ofStatement(manager, one.statement)).sort((a, b) => (a.invoice < b.invoice ? 1 : -1));
    for (const payment of paid) {
      if (one.leftNanos >= 0n) break;
      taken.push(await this.reversals.takenBack(manager, tenant, payment));
      one.leftNanos += payment.usdNanos!;
    }
    return taken;
  }
}
