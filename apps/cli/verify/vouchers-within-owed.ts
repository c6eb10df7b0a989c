import type { BlockTag } from 'ethers';
import type { ChainView } from './chain-view.js';
import { counted } from './finding.js';
import type { Finding, Invariant } from './finding.js';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import { booksOf } from './payout-books.js';
import type { PayeeBooks, PayoutBooks } from './payout-books.js';

/**
 * What was ever signed or credited to a payee is at most what its charges earned; the escrow's credits, deposits and
 * tokens are the ledger's, to the unit. The chain is read at the block up to which the services have read it.
 */
export const vouchersWithinOwed: Invariant = {
  name: 'vouchers-within-owed',
  check: async ({ snapshot, chain }) => {
    const books = await snapshot((query) => booksOf(query, chain));
    const problems = [...books.payees.flatMap(beyondOwed), ...books.misdrawn.map((tenant) => broken(`draws ${tenant}`, `the statements of organisation ${tenant} do not add up to their own totals`))];
    if (!chain) return { problems, looked: `${counted(books.payees.length, 'payee')} in the books; no chain was given to compare with` };
    const at = await chain.readableAt(Math.max(0, books.nextBlock - 1));
    const onChain = await comparePayers(chain, books, at);
    const tokens = await compareTokens(chain, books, at);
    return { problems: [...problems, ...onChain.problems, ...tokens.problems], looked: `${counted(books.payees.length, 'payee')}, ${onChain.units} units credited on chain, ${tokens.looked}` } satisfies Finding;
  },
};

const about = ({ tenant, payee }: PayeeBooks): string => `payee ${payee} of organisation ${tenant}`;

function beyondOwed(books: PayeeBooks): Problem[] {
  const problems: Problem[] = [];
  const paid = [
    ['drawn into statements', books.drawnNanos],
    // What was signed and not drawn has no rate of its own: the highest counts.
    ['signed for', books.drawnNanos + (books.signedUnits > books.drawnUnits ? books.signedUnits - books.drawnUnits : 0n) * books.nanosPerUnit],
  ] as const;
  for (const [how, nanos] of paid) {
    if (nanos > books.earnedNanos) problems.push(broken(`${how} ${books.tenant} ${books.payee}`, `${about(books)} has ${nanos} nanos ${how} and earned ${books.earnedNanos}`));
  }
  const owed = books.earnedNanos - books.heldNanos - books.drawnNanos;
  if (owed !== books.payableNanos) problems.push(unsettled(`payable ${books.tenant} ${books.payee}`, `${about(books)} is owed ${owed} nanos by its charges, less what is held of them, and ${books.payableNanos} by the ledger`));
  return problems;
}

async function comparePayers(chain: ChainView, books: PayoutBooks, at: BlockTag): Promise<{ problems: Problem[]; units: bigint }> {
  const problems: Problem[] = [];
  const addresses = await chain.payees(at);
  let units = 0n;
  for (const { tenant, address } of books.payers) {
    const payer = await chain.payer(address, at);
    const credits = await Promise.all(addresses.map((_, index) => chain.credit(address, index, at)));
    const sum = credits.reduce((total, { cumulative }) => total + cumulative, 0n);
    units += sum;
    const differs = (what: string, onChain: bigint, inBooks: bigint): void => {
      if (onChain !== inBooks) problems.push(unsettled(`${what} ${address}`, `payer ${address}: ${what} is ${onChain} units on chain and ${inBooks} in the books`));
    };
    differs('the sum of credits', sum, payer.cumulativeTotal);
    differs('the deposit', payer.available, books.depositOf(tenant) + books.heldOf(address));
    const known = new Map(books.payees.filter((payee) => payee.tenant === tenant).map((payee) => [payee.payee, payee]));
    for (const [index, payee] of addresses.entries()) {
      const entry = known.get(payee);
      differs(`what payee ${payee} was credited`, credits[index]!.cumulative, entry?.settledUnits ?? 0n);
      differs(`what payee ${payee} has not withdrawn`, credits[index]!.cumulative - credits[index]!.drawn, entry?.creditedUnits ?? 0n);
    }
    for (const [payee, { settledUnits }] of known) {
      if (settledUnits > 0n && !addresses.includes(payee)) problems.push(unsettled(`payee ${payee}`, `payee ${payee} was settled ${settledUnits} units and is not known on chain`));
    }
  }
  return { problems, units };
}

/** Anybody can send the contract tokens; less than the books say is a breach, more is named. */
async function compareTokens(chain: ChainView, books: PayoutBooks, at: BlockTag): Promise<{ problems: Problem[]; looked: string }> {
  const { baseUnits, unit } = await chain.holdings(at);
  const surplus = baseUnits - books.escrowUnits * unit;
  const problems = surplus < 0n ? [unsettled('escrow', `the escrow holds ${baseUnits} base units of its token and the ledger says ${books.escrowUnits * unit}`)] : [];
  return { problems, looked: `escrow ${books.escrowUnits} units as in the ledger${surplus > 0n ? ` (and ${surplus} base units of others)` : ''}` };
}
