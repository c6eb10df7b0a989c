import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { invoiceCurrency } from './invoice-currency.js';
import { documentMs, minorUnits } from './invoices.js';
import { label, pageRequest, timeMs, uuid } from './scalars.js';

/** What credit notes on paid invoices left to an organisation, and its next invoices take; and what of it is on its way back. */
export const creditBalance = z.object({ tenant: uuid, currency: invoiceCurrency, amountMinor: minorUnits, refundingMinor: minorUnits });
export type CreditBalance = z.output<typeof creditBalance>;

export const refundStates = ['requested', 'paid', 'voided'] as const;
/** Money of a credit balance that is paid back: set aside when it is asked for, gone when the bank has sent it. */
export const refund = z.object({
  ...{ id: uuid, tenant: uuid, currency: invoiceCurrency, amountMinor: minorUnits, reason: label },
  state: z.enum(refundStates),
  requestedAtMs: timeMs,
  /** The bank's own reference, and when it sent the money; `null` until it did. */
  reference: label.nullable(),
  paidAtMs: timeMs.nullable(),
});
export type Refund = z.output<typeof refund>;

const ofTenant = z.object({ actor, tenant: uuid, id: uuid });

export const refundCalls = {
  /** In order of organisation and currency; `after` is `<tenant>:<currency>`. */
  balances: defineCall('billing', 'credit-balances.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(creditBalance), hasMore: z.boolean() }) }),
  /** Sets money of the balance aside. Idempotent by `id`. Errors: REQUEST_INVALID (not above zero, or more than there is), IDEMPOTENCY_MISMATCH. */
  request: defineCall('billing', 'refunds.request', { request: ofTenant.extend({ currency: invoiceCurrency, amountMinor: minorUnits, reason: label }), reply: refund }),
  /** The bank has sent it. Errors: NOT_FOUND, CONFLICT (voided), IDEMPOTENCY_MISMATCH (paid with another reference or time). */
  pay: defineCall('billing', 'refunds.pay', { request: ofTenant.extend({ reference: label, paidAtMs: documentMs }), reply: refund }),
  /** It is not sent: back into the balance. Errors: NOT_FOUND, CONFLICT (paid). */
  void: defineCall('billing', 'refunds.void', { request: ofTenant, reply: refund }),
  /** By id. */
  list: defineCall('billing', 'refunds.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(refund), hasMore: z.boolean() }) }),
} as const;
