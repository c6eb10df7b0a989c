import { credited, deposit, drawn, escrow, exchange, namedUuid, receivable, sales, usd, wallet, walletTransfers } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Line, Transfer } from '../ledger/transfer.js';
import type { TokenCurrency } from '../billing-config.js';
import type { PayloadOf, walletEvents } from '#protocol';

export type WalletMove = PayloadOf<typeof walletEvents.moved>;

/** What the chain confirmed, as it comes into the books. Each id follows from what happened on chain: it is posted once. */

export function depositTransfer(position: string, tenant: string, units: bigint, { currency }: TokenCurrency): Transfer {
  return transfer(namedUuid('deposit', position), 'deposit', tenant, move(deposit(tenant, currency), escrow(currency), units));
}

/** Of a deposit that the chain took back for good. */
export function depositReversalTransfer(position: string, tenant: string, units: bigint, { currency }: TokenCurrency): Transfer {
  return transfer(namedUuid('deposit-reversal', position), 'deposit-reversal', tenant, move(escrow(currency), deposit(tenant, currency), units));
}

export function depositWithdrawalTransfer(position: string, tenant: string, units: bigint, { currency }: TokenCurrency): Transfer {
  return transfer(namedUuid('deposit-withdrawal', position), 'deposit-withdrawal', tenant, move(escrow(currency), deposit(tenant, currency), units));
}

/**
 * A settled epoch. In dollars what was drawn is no longer owed to the payees, and as much no longer by the tenant; in tokens
 * the tenant's deposit became the payees' credit, at the statement's own rate. Both legs pass through the exchange account of their currency.
 */
export function settleTransfer(statement: string, tenant: string, payees: readonly { payee: string; units: bigint; nanos: bigint }[], token: TokenCurrency): Transfer {
  const lines = payees.flatMap(
    ({ payee, units, nanos }): Line[] => [
      ...move(exchange(usd), drawn(tenant, payee), nanos),
      ...move(receivable(tenant), exchange(usd), nanos),
      ...move(exchange(token.currency), deposit(tenant, token.currency), units),
      ...move(credited(tenant, payee, token.currency), exchange(token.currency), units),
    ],
  );
  return transfer(namedUuid('epoch.settle', statement), 'epoch.settle', tenant, lines);
}

export function withdrawalTransfer(position: string, tenant: string, payee: string, units: bigint, { currency }: TokenCurrency): Transfer {
  return transfer(namedUuid('withdrawal', position), 'withdrawal', tenant, move(escrow(currency), credited(tenant, payee, currency), units));
}

/** A request that somebody without an account paid for: the tokens are at the seller's own address. */
export function saleTransfer(payment: string, tenant: string, payTo: string, units: bigint, { currency }: TokenCurrency): Transfer {
  return transfer(namedUuid('x402.sale', payment), 'x402.sale', tenant, move(sales(tenant, currency), wallet(tenant, payTo, currency), units));
}

/** What else came to such an address, or left it (units below zero); of a sale, that the chain took it back. */
export function walletMoveTransfer({ move: id, of, tenant, wallet: address, units }: WalletMove, { currency }: TokenCurrency): Transfer {
  const [code, other] = of === 'sale' ? (['x402.sale-reversal', sales(tenant, currency)] as const) : (['wallet.move', walletTransfers(tenant, address, currency)] as const);
  return transfer(namedUuid('wallet.move', id), code, tenant, move(other, wallet(tenant, address, currency), units));
}
