import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { failure, invoiceCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { BalancePayments } from './balance-payments.service.js';
import { ChainPayments } from './chain-payments.service.js';
import { InvoicePaymentsService } from './invoice-payments.service.js';
import { InvoicesService } from './invoices.service.js';
import { InvoicesStore } from './invoices.store.js';
import { PaymentReversals } from './payment-reversals.service.js';
import { PaymentsStore } from './payments.store.js';

@Controller()
export class InvoicesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(InvoicesService) private readonly service: InvoicesService,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(PaymentsStore) private readonly payments: PaymentsStore,
    @Inject(InvoicePaymentsService) private readonly paying: InvoicePaymentsService,
    @Inject(PaymentReversals) private readonly reversals: PaymentReversals,
    @Inject(ChainPayments) private readonly chain: ChainPayments,
    @Inject(BalancePayments) private readonly balance: BalancePayments,
  ) {}

  @Serve(invoiceCalls.draft)
  draft({ tenant, fromMs, toMs }: RequestOf<typeof invoiceCalls.draft>): Promise<ReplyOf<typeof invoiceCalls.draft>> {
    return this.service.draft(tenant, fromMs, toMs);
  }

  @Serve(invoiceCalls.withdraw)
  withdraw({ tenant, id }: RequestOf<typeof invoiceCalls.withdraw>): Promise<ReplyOf<typeof invoiceCalls.withdraw>> {
    return this.service.withdraw(tenant, id);
  }

  /** What the chain has settled by now pays it at once. */
  @Serve(invoiceCalls.issue)
  async issue({ tenant, id }: RequestOf<typeof invoiceCalls.issue>): Promise<ReplyOf<typeof invoiceCalls.issue>> {
    await this.service.issue(tenant, id);
    await this.chain.apply(tenant);
    return withTenant(this.dataSource, tenant, (manager) => this.service.found(manager, tenant, id));
  }

  /** What it puts into the balance pays open invoices at once. */
  @Serve(invoiceCalls.credit)
  async credit(request: RequestOf<typeof invoiceCalls.credit>): Promise<ReplyOf<typeof invoiceCalls.credit>> {
    const note = await this.service.credit(request);
    await this.balance.apply(request.tenant);
    return note;
  }

  @Serve(invoiceCalls.reversePayment)
  reversePayment(request: RequestOf<typeof invoiceCalls.reversePayment>): Promise<ReplyOf<typeof invoiceCalls.reversePayment>> {
    return this.reversals.byHand(request);
  }

  /** What was beyond what is due pays other open invoices at once. */
  @Serve(invoiceCalls.pay)
  async pay({ tenant, actor, ...payment }: RequestOf<typeof invoiceCalls.pay>): Promise<ReplyOf<typeof invoiceCalls.pay>> {
    const paid = await this.paying.pay(tenant, payment, actor);
    if (payment.excessToBalance) await this.balance.apply(tenant);
    return paid;
  }

  @Serve(invoiceCalls.list)
  async list(page: RequestOf<typeof invoiceCalls.list>): Promise<ReplyOf<typeof invoiceCalls.list>> {
    const rows = await withTenant(this.dataSource, page.tenant ?? '*', (manager) => this.invoices.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  @Serve(invoiceCalls.get)
  get({ tenant, id }: RequestOf<typeof invoiceCalls.get>): Promise<ReplyOf<typeof invoiceCalls.get>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const invoice = await this.service.found(manager, tenant, id);
      return { invoice, document: await this.service.read(manager, invoice), payments: await this.payments.ofInvoice(manager, id) };
    });
  }

  @Serve(invoiceCalls.file)
  file({ tenant, id, kind }: RequestOf<typeof invoiceCalls.file>): Promise<ReplyOf<typeof invoiceCalls.file>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const { number } = await this.service.found(manager, tenant, id);
      const file = await this.invoices.file(manager, tenant, id, kind);
      if (!file || number === null) throw failure('NOT_FOUND', 'a draft has no files yet; issue it first', { invoice: id });
      return { name: `${number}.${kind === 'pdf' ? 'pdf' : 'xml'}`, bytes: file.bytes.toString('base64'), sha256: file.hash };
    });
  }
}
