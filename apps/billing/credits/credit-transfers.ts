import { granted, namedUuid, promotion } from '../ledger/chart-of-accounts.js';
import { move, namedByCaller, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';

type Of = { readonly id: string; readonly tenant: string };

/** The deployment owes the organisation usage of this amount. */
export const grantTransfer = ({ id, tenant }: Of, amountNanos: bigint): Transfer => transfer(namedByCaller('credit.grant', id), 'credit.grant', tenant, move(granted(tenant, id), promotion, amountNanos));

/** And what is left of it no more. */
export const lapseTransfer = ({ id, tenant }: Of, leftNanos: bigint): Transfer => transfer(namedUuid('credit.lapse', id), 'credit.lapse', tenant, move(promotion, granted(tenant, id), leftNanos));
