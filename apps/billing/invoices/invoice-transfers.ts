import type { InvoiceDocument } from '#protocol';
import { allowance, exchange, invoiced, namedUuid, receivable, received, rounding, taxDue, usd } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';
import { fromUsd, nanosPerMinor } from './rounding.js';

/**
 * An issued invoice: what the tenant owed for usage it now owes by invoice, with the tax; what rounding to hundredths made of it is
 * on the rounding account. The two currencies meet in their exchange accounts.
 */
export function issueTransfer(document: InvoiceDocument, seller: string): Transfer {
  const { id, tenant, currency, rate, usageNanos, netMinor, taxMinor } = document;
  const owes = invoiced(tenant, currency);
  const exact = fromUsd(usageNanos, rate.nanosPerUsd);
  const net = netMinor * nanosPerMinor;
  const usage = currency === usd ? move(receivable(tenant), owes, usageNanos) : [...move(receivable(tenant), exchange(usd), usageNanos), ...move(exchange(currency), owes, exact)];
  return transfer(id, 'invoice.issue', tenant, [...usage, ...move(rounding(currency), owes, net - exact), ...move(taxDue(seller, currency), owes, taxMinor * nanosPerMinor)]);
}

/** What is credited the tenant owes no more; the payees keep what they earned, so the operator bears it. */
export function creditTransfer({ id, tenant, currency, netMinor, taxMinor }: InvoiceDocument, seller: string): Transfer {
  const owes = invoiced(tenant, currency);
  return transfer(id, 'invoice.credit', tenant, [...move(owes, allowance(currency), netMinor * nanosPerMinor), ...move(owes, taxDue(seller, currency), taxMinor * nanosPerMinor)]);
}

export function paymentTransfer(id: string, { tenant, currency }: Pick<InvoiceDocument, 'tenant' | 'currency'>, amountMinor: bigint): Transfer {
  return transfer(id, 'invoice.payment', tenant, move(invoiced(tenant, currency), received(currency), amountMinor * nanosPerMinor));
}

/** A settled statement took its dollars off what the tenant owes for usage; here they pay an invoice instead. */
export function chainPaymentTransfer(id: string, { tenant, currency }: Pick<InvoiceDocument, 'tenant' | 'currency'>, amountMinor: bigint, usdNanos: bigint): Transfer {
  const owes = invoiced(tenant, currency);
  const nanos = amountMinor * nanosPerMinor;
  const lines = currency === usd ? move(owes, receivable(tenant), nanos) : [...move(exchange(usd), receivable(tenant), usdNanos), ...move(owes, exchange(currency), nanos)];
  return transfer(id, 'invoice.payment', tenant, lines);
}

export const paymentId = (invoice: string, statement: string): string => namedUuid('invoice.payment', invoice, statement);
