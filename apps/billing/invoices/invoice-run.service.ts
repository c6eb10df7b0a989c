import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { BalancePayments } from './balance-payments.service.js';
import { ChainPayments } from './chain-payments.service.js';
import { InvoicedChargesStore } from './invoiced-charges.store.js';
import { InvoicesService } from './invoices.service.js';
import { InvoicesStore } from './invoices.store.js';
import type { DueDraft } from './invoices.store.js';
import { PaymentsStore } from './payments.store.js';

/** Ids of a round trip: 200 of 36 bytes. */
const pageSize = 200;
/** Organisations at once, each on one of eight connections: while some wait for the database, files of another are made. Numbers are given one after the other all the same. */
const atOnceMax = 3;

/** Once a month is over: drafts for whoever used something, issued when their grace is over; and payments that the chain or a credit balance brings. */
@Injectable()
export class InvoiceRun extends PeriodicTask {
  private readonly logger = new Logger(InvoiceRun.name);

  constructor(
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(InvoicesService) private readonly service: InvoicesService,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(InvoicedChargesStore) private readonly charges: InvoicedChargesStore,
    @Inject(PaymentsStore) private readonly payments: PaymentsStore,
    @Inject(BalancePayments) private readonly balance: BalancePayments,
    @Inject(ChainPayments) private readonly chain: ChainPayments,
  ) {
    super(config.BILLING_INVOICE_RUN_MS);
  }

  async runOnce(): Promise<void> {
    await this.draftMonth();
    await this.issueDue();
    const open = await withTenant(this.dataSource, '*', (manager) => this.payments.tenantsOpen(manager));
    for (const tenant of open) await this.attempt(tenant, () => this.balance.apply(tenant).then(() => this.chain.apply(tenant)));
  }

  private async draftMonth(): Promise<void> {
    const now = new Date(this.clock.nowMs());
    const [fromMs, toMs] = [Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1), Date.UTC(now.getUTCFullYear(), now.getUTCMonth())];
    for (let after: string | null = null; ; ) {
      const last: string | null = after;
      const tenants: string[] = await withTenant(this.dataSource, '*', (manager) => this.charges.tenantsDue(manager, toMs, last, pageSize));
      await this.attemptEach(tenants.map((tenant) => ({ tenant })), ({ tenant }) => this.service.draft(tenant, fromMs, toMs));
      if (tenants.length < pageSize) return;
      after = tenants.at(-1)!;
    }
  }

  private async issueDue(): Promise<void> {
    // Those that cannot be issued stay, however many they are, and keep nobody waiting who comes after them.
    for (let after: DueDraft | null = null; ; ) {
      const last: DueDraft | null = after;
      const drafts: DueDraft[] = await withTenant(this.dataSource, '*', (manager) => this.invoices.drafts(manager, this.clock.nowMs(), last, pageSize));
      await this.attemptEach(drafts, ({ tenant, id }) => this.service.issue(tenant, id));
      if (drafts.length < pageSize) return;
      after = drafts.at(-1)!;
    }
  }

  private async attemptEach<T extends { readonly tenant: string }>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
    const rest = [...all].reverse();
    const worker = async (): Promise<void> => {
      for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
        const taken = one;
        await this.attempt(taken.tenant, () => work(taken));
      }
    };
    const stop = (error: unknown): never => {
      rest.length = 0;
      throw error;
    };
    await Promise.all(Array.from({ length: atOnceMax }, () => worker().catch(stop)));
  }

  /** One organisation whose invoice is impossible, for whatever reason, keeps nobody else waiting; only without the database nobody's is possible. */
  private async attempt(tenant: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isDomainError(error)) {
        if (error.code === 'DATABASE_UNAVAILABLE') throw error;
        this.logger.warn(`no invoice for ${tenant}: ${error.code}: ${error.message}`);
      } else {
        this.logger.error(`no invoice for ${tenant}: ${error instanceof Error ? error.message : String(error)}`, error instanceof Error ? error.stack : undefined);
      }
    }
  }
}
