import { held, namedUuid, payable, receivable, unassigned } from '../ledger/chart-of-accounts.js';
import type { Account } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';

export interface HeldAmount {
  readonly record: string;
  readonly tenant: string;
  readonly node: string;
  readonly amountNanos: bigint;
  /** Whom the machine pays; `undefined` while that is not known. */
  readonly payee: string | undefined;
}

const earnings = ({ tenant, node, payee }: HeldAmount): Account => (payee === undefined ? unassigned(tenant, node) : payable(tenant, payee));

/** First phase: out of what is owed to the payee. Each phase of a record has one id, so that it is posted once. */
export const holdTransfer = (amount: HeldAmount): Transfer => transfer(namedUuid('holdback', amount.record), 'payable.hold', amount.tenant, move(earnings(amount), held(amount.tenant, amount.node), -amount.amountNanos));

/** Second phase, the work is good or nobody said otherwise in time: back to the payee. */
export const releaseTransfer = (amount: HeldAmount): Transfer => transfer(endId(amount), 'payable.release', amount.tenant, move(held(amount.tenant, amount.node), earnings(amount), -amount.amountNanos));

/** Second phase, the work was not what was paid for: the tenant owes so much less. What owners of data got of it stays theirs, and goes back where it was taken. */
export const forfeitTransfer = (amount: HeldAmount & { readonly forfeitedNanos: bigint }): Transfer =>
  transfer(endId(amount), 'payable.forfeit', amount.tenant, [
    ...move(receivable(amount.tenant), held(amount.tenant, amount.node), amount.forfeitedNanos),
    ...move(earnings(amount), held(amount.tenant, amount.node), amount.amountNanos - amount.forfeitedNanos),
  ]);

/** One id for either end: a holdback that is released cannot be forfeited as well. */
const endId = ({ record }: HeldAmount): string => namedUuid('holdback.end', record);

export const forfeitAdjustmentId = (record: string): string => namedUuid('holdback.credit', record);
