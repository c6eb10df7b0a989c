import type { InvoiceDocument } from '#protocol';
import { allowance, creditBalance, exchange, invoiced, namedUuid, receivable, received, refunding, rounding, taxDue, usd } from '../ledger/chart-of-accounts.js';
import { move, namedByCaller, transfer } from '../ledger/transfer.js';
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

/** What is credited the tenant owes no more, and what it had paid of it stands to its credit; the payees keep what they earned, so the operator bears it. */
export function creditTransfer({ id, tenant, currency, netMinor, taxMinor, toBalanceMinor = 0n }: InvoiceDocument, seller: string): Transfer {
  const owes = invoiced(tenant, currency);
  return transfer(namedByCaller('invoice.credit', id), 'invoice.credit', tenant, [
    ...move(owes, allowance(currency), netMinor * nanosPerMinor),
    ...move(owes, taxDue(seller, currency), taxMinor * nanosPerMinor),
    ...move(creditBalance(tenant, currency), owes, toBalanceMinor * nanosPerMinor),
  ]);
}

type Owed = Pick<InvoiceDocument, 'tenant' | 'currency'>;

/** By bank, as somebody told it; what came beyond what was due stands to the buyer's credit. Error: AMOUNT_OVERFLOW. */
export function paymentTransfer(id: string, { tenant, currency }: Owed, amountMinor: bigint, excessMinor = 0n): Transfer {
  const [bank, paid, excess] = [received(currency), amountMinor * nanosPerMinor, excessMinor * nanosPerMinor];
  return transfer(namedByCaller('invoice.payment', id), 'invoice.payment', tenant, [...move(invoiced(tenant, currency), bank, paid), ...move(creditBalance(tenant, currency), bank, excess)]);
}

export const balancePaymentTransfer = (id: string, { tenant, currency }: Owed, amountMinor: bigint): Transfer =>
  transfer(id, 'invoice.payment', tenant, move(invoiced(tenant, currency), creditBalance(tenant, currency), amountMinor * nanosPerMinor));

/** A settled statement took its dollars off what the tenant owes for usage; here they pay an invoice instead. */
export function chainPaymentTransfer(id: string, { tenant, currency }: Owed, amountMinor: bigint, usdNanos: bigint): Transfer {
  const owes = invoiced(tenant, currency);
  const nanos = amountMinor * nanosPerMinor;
  const lines = currency === usd ? move(owes, receivable(tenant), nanos) : [...move(exchange(usd), receivable(tenant), usdNanos), ...move(owes, exchange(currency), nanos)];
  return transfer(id, 'invoice.payment', tenant, lines);
}

/** Of what a statement pays of an invoice: again only when what it paid before was reversed. */
export const paymentId = (invoice: string, statement: string, before: number): string => namedUuid('invoice.payment', invoice, statement, ...(before === 0 ? [] : [String(before)]));

/** A payment that was none: its postings the other way round, once. */
export const reversalTransfer = ({ id, tenant, lines }: Transfer): Transfer =>
  transfer(namedUuid('invoice.payment-reversal', id), 'invoice.payment-reversal', tenant, lines.map(({ account, amount }) => ({ account, amount: -amount })));

type Refunded = Owed & { readonly id: string; readonly amountMinor: bigint };

/** Sets money of the balance aside until the bank has sent it, or it is not sent after all. */
export const refundRequestTransfer = ({ id, tenant, currency, amountMinor }: Refunded): Transfer =>
  transfer(namedByCaller('refund.request', id), 'refund.request', tenant, move(refunding(tenant, currency), creditBalance(tenant, currency), amountMinor * nanosPerMinor));
export const refundPaymentTransfer = ({ id, tenant, currency, amountMinor }: Refunded): Transfer =>
  transfer(namedUuid('refund.pay', id), 'refund.pay', tenant, move(received(currency), refunding(tenant, currency), amountMinor * nanosPerMinor));
export const refundVoidTransfer = ({ id, tenant, currency, amountMinor }: Refunded): Transfer =>
  transfer(namedUuid('refund.void', id), 'refund.void', tenant, move(creditBalance(tenant, currency), refunding(tenant, currency), amountMinor * nanosPerMinor));
