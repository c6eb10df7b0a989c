import type { TokenDifference, WalletInBooks } from '#protocol';
import type { WalletSums } from './wallet-transfer.store.js';

/** A wallet where sales are paid, at a final block, and what was read and told of it up to there; base units. */
export interface ComparedWallet extends WalletSums {
  readonly address: string;
  readonly tenant: string | null;
  readonly block: number;
  readonly held: bigint;
  readonly opening: bigint;
  /** What is kept as told and no whole unit yet. */
  readonly kept: bigint;
  /** Sales that are told and that no transfer stands for. */
  readonly unpaid: { readonly units: bigint; readonly count: number; readonly first: readonly string[] };
}

const nothing = { saleUnits: 0n, otherUnits: 0n, heldUnits: 0n, movedUnits: 0n };

export const inBooks = (address: string, books: readonly WalletInBooks[]): Omit<WalletInBooks, 'address'> => books.find((each) => each.address === address) ?? nothing;

/**
 * Every unit that came to a wallet is a sale or named as something else, and every sale came: balance against transfers, transfers against sales, and both against the books. The books are asked
 * about the same blocks, so that what is sold meanwhile makes no difference.
 */
export function compareWallet(wallet: ComparedWallet, books: readonly WalletInBooks[]): Omit<TokenDifference, 'sinceMs'>[] {
  const { address, tenant, held, opening, net, gone, unpaid } = wallet;
  const found: Omit<TokenDifference, 'sinceMs'>[] = [];
  const name = (kind: TokenDifference['kind'], differs: boolean, detail: string): void => void (differs && found.push({ kind, subject: address, tenant, detail }));
  name('finality_broken', gone.length > 0, `in no block any more: ${gone.join(', ')}`);
  name('wallet_not_events', held !== opening + net, `${held} base units held, ${opening + net} by its transfers`);
  name('wallet_not_sales', unpaid.count > 0, `${unpaid.count} sales of ${unpaid.units} units are told that no transfer paid: ${unpaid.first.join(', ')}${unpaid.count > unpaid.first.length ? ' and others' : ''}`);
  const booked = inBooks(address, books);
  const [sales, others] = [wallet.saleUnits + unpaid.units, wallet.otherUnits];
  const [isTold, isPosted] = [wallet.carry === wallet.kept, booked.heldUnits === booked.movedUnits];
  name(
    'wallet_not_ledger',
    booked.saleUnits !== sales || booked.otherUnits !== others || !isTold || !isPosted,
    `${sales} units of sales and ${others} of other transfers, ${booked.saleUnits} and ${booked.otherUnits} in the books` +
      (isPosted ? '' : `, whose accounts hold ${booked.heldUnits} and were moved by ${booked.movedUnits}`) +
      (isTold ? '' : `; ${wallet.carry} base units are told in no whole unit, ${wallet.kept} are kept as such`),
  );
  return found;
}
