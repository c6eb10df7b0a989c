/** What the books took in although something about it was not right. Nothing here stops a booking. */
export const anomalyKinds = {
  /** The recorded charge is not usage × price version. The recorded one is booked: it is what the tenant was told. */
  chargeMismatch: 'charge_mismatch',
  /** The recorded charge cannot be an amount of money; zero is booked. */
  chargeInvalid: 'charge_invalid',
  priceUnknown: 'price_unknown',
  /** Usage of a lease whose money had been taken back: booked from what the budget has left. */
  lateLeaseUsage: 'late_lease_usage',
  /** More usage than the lease held. */
  leaseOverrun: 'lease_overrun',
  staleFence: 'stale_fence',
  unknownLease: 'unknown_lease',
  unknownBudget: 'unknown_budget',
  /** A second `completed` of a record that says something else: the first one in the stream is booked. */
  completedConflict: 'completed_conflict',
  /** A node signed two different receipts for one record: both are kept. */
  receiptConflict: 'receipt_conflict',
  receiptSignature: 'receipt_signature',
  /** A receipt that asks for more than was held; the admission is voided and the receipt stays a claim. */
  receiptExceedsHold: 'receipt_exceeds_hold',
  /** The chain settled something else than was drawn; the books follow the chain. */
  settlementMismatch: 'settlement_mismatch',
  /** A withdrawal of credit from a payer that no tenant has. */
  payerUnknown: 'payer_unknown',
  /** The chain took a deposit back whose tokens the books have paid out since: the account is below zero by what is missing. */
  depositSpent: 'deposit_spent',
  /** Owners' shares that came after the draw, or say otherwise than those that are booked. */
  royaltyRefused: 'royalty_refused',
  /** Work was refuted when all that it earned was paid or payable. */
  verificationLate: 'verification_late',
} as const;
export type AnomalyKind = (typeof anomalyKinds)[keyof typeof anomalyKinds];

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** Id of what it is about: a record, a statement, a transaction. */
  readonly subject: string;
  readonly tenant: string;
  readonly detail: Readonly<Record<string, string | number | null>>;
}
