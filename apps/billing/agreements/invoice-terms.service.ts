import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { formatNanos } from '#kernel';
import { CreditsStore } from '../credits/credits.store.js';
import { discount, fees, granted, namedUuid, receivable } from '../ledger/chart-of-accounts.js';
import type { Account } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';
import { AgreementsStore } from './agreements.store.js';
import { InvoiceTermsStore } from './invoice-terms.store.js';
import { monthOf } from './month.js';
import { creditsOn, termsOf } from './terms.js';
import type { Term } from './terms.js';

/** An invoice as far as its terms need to know it. */
export interface BilledUsage {
  readonly tenant: string;
  /** The month of its last moment is the one whose tiers, minimum and fees hold. */
  readonly toMs: number;
  readonly usageNanos: bigint;
  /** Asked for only where there are credits. */
  readonly byHour: () => Promise<ReadonlyMap<number, bigint>>;
}

/** What an organisation's agreement and credits make of an invoice. Whoever asks has the turn of the tenant's invoices. */
@Injectable()
export class InvoiceTerms {
  constructor(
    @Inject(AgreementsStore) private readonly agreements: AgreementsStore,
    @Inject(CreditsStore) private readonly credits: CreditsStore,
    @Inject(InvoiceTermsStore) private readonly store: InvoiceTermsStore,
  ) {}

  /** As it would be issued now. */
  async of(manager: EntityManager, { tenant, toMs, usageNanos, byHour }: BilledUsage): Promise<Term[]> {
    const month = monthOf(toMs - 1);
    const agreement = await this.agreements.ofMonth(manager, tenant, month.fromMs);
    const agreed = agreement ? termsOf(agreement, usageNanos, await this.store.billed(manager, tenant, month.fromMs), toMs === month.toMs, (nanos) => `USD ${formatNanos(nanos)}`) : [];
    const usable = await this.credits.usable(manager, tenant);
    if (usable.length === 0) return agreed;
    const discounts = agreed.filter(({ kind }) => kind === 'discount').reduce((sum, { amountNanos }) => sum + amountNanos, 0n);
    return [...agreed, ...creditsOn(usable, await byHour(), usageNanos + discounts)];
  }

  /** Notes what an invoice that is issued now says; answers how that is booked, for the caller to post with the invoice. */
  async take(manager: EntityManager, invoice: string, { tenant, toMs, usageNanos }: BilledUsage, terms: readonly Term[]): Promise<Transfer[]> {
    const monthMs = monthOf(toMs - 1).fromMs;
    if (terms.length === 0 && !(await this.agreements.ofMonth(manager, tenant, monthMs))) return [];
    await this.store.add(manager, { invoice, tenant, monthMs, usageNanos }, terms);
    for (const { credit, amountNanos } of terms) if (credit !== undefined) await this.credits.use(manager, credit, -amountNanos);
    const owes = receivable(tenant);
    return [transfer(namedUuid('invoice.terms', invoice), 'invoice.terms', tenant, terms.flatMap((term) => move(accountOf(tenant, term), owes, term.amountNanos)))];
  }
}

function accountOf(tenant: string, { kind, credit }: Term): Account {
  switch (kind) {
    case 'discount':
      return discount;
    case 'minimum':
    case 'fee':
      return fees;
    case 'granted':
      return granted(tenant, credit!);
  }
}
