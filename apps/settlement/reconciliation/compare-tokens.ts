import type { TokenDifference } from '#protocol';

/** A payer as the chain has it at a final block, and as what was read of the chain up to there adds up to. In units. */
export interface ComparedPayer {
  /** EIP-55. */
  readonly address: string;
  readonly tenant: string | null;
  readonly availableUnits: bigint;
  readonly thawingUnits: bigint;
  readonly cumulativeUnits: bigint;
  /** Sums of its events. */
  readonly depositedUnits: bigint;
  readonly withdrawnUnits: bigint;
  readonly settledUnits: bigint;
  readonly paidOutUnits: bigint;
  /** What its final statements paid. */
  readonly statementUnits: bigint;
  /** Of its deposit, what the books are not told of while the payer is refused. */
  readonly unbookedUnits: bigint;
  /** Of its events, those that were in a final block and are in none now; the books know them. */
  readonly takenBack: readonly string[];
}

export interface TokensOnChain {
  readonly escrow: string;
  /** The escrow's balance of its token. */
  readonly heldBaseUnits: bigint;
  readonly baseUnitsPerUnit: bigint;
  readonly payers: readonly ComparedPayer[];
}

export interface TokensInBooks {
  readonly escrowUnits: bigint;
  readonly depositUnits: bigint;
  readonly creditUnits: bigint;
}

export type Difference = Omit<TokenDifference, 'sinceMs'>;

export interface TokenTotals {
  /** Everything that the contract owes. */
  readonly owedBaseUnits: bigint;
  /** Of payers of the books, what counts. */
  readonly depositUnits: bigint;
  readonly creditUnits: bigint;
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, each) => total + each, 0n);
const creditOf = ({ settledUnits, paidOutUnits }: ComparedPayer): bigint => settledUnits - paidOutUnits;

export function totalsOf({ payers, baseUnitsPerUnit }: TokensOnChain): TokenTotals {
  const booked = payers.filter(({ tenant }) => tenant !== null);
  return {
    owedBaseUnits: sum(payers.map((payer) => payer.availableUnits + payer.cumulativeUnits - payer.paidOutUnits)) * baseUnitsPerUnit,
    depositUnits: sum(booked.map(({ availableUnits, unbookedUnits }) => availableUnits - unbookedUnits)),
    creditUnits: sum(booked.map(creditOf)),
  };
}

/**
 * Every unit of the token, by each of its witnesses. What an endpoint kept from us shows between state and events; what is on its way to
 * the books shows between chain and books until it has come. Single payees are compared by the daily close of the books.
 */
export function compareTokens(chain: TokensOnChain, books: TokensInBooks): Difference[] {
  const totals = totalsOf(chain);
  const found: Difference[] = [];
  const differing = (kind: Difference['kind'], about: { subject: string; tenant: string | null }, one: bigint, another: bigint, between: (one: bigint, another: bigint) => string): void => {
    if (one !== another) found.push({ kind, ...about, detail: between(one, another) });
  };
  for (const payer of chain.payers) {
    const about = { subject: payer.address, tenant: payer.tenant };
    if (payer.takenBack.length > 0) found.push({ kind: 'finality_broken', ...about, detail: `in no block any more: ${payer.takenBack.join(', ')}` });
    differing('deposit_not_events', about, payer.availableUnits, payer.depositedUnits - payer.withdrawnUnits - payer.settledUnits, (a, b) => `${a} units on chain, ${b} by its events`);
    differing('credited_not_events', about, payer.cumulativeUnits, payer.settledUnits, (a, b) => `${a} units on chain, ${b} by its settled epochs`);
    differing('credited_not_statements', about, payer.cumulativeUnits, payer.statementUnits, (a, b) => `${a} units on chain, ${b} by final statements`);
  }
  const escrow = { subject: chain.escrow, tenant: null };
  if (chain.heldBaseUnits < totals.owedBaseUnits) found.push({ kind: 'escrow_short', ...escrow, detail: `${chain.heldBaseUnits} base units held, ${totals.owedBaseUnits} owed` });
  differing('deposits_not_ledger', escrow, totals.depositUnits, books.depositUnits, (a, b) => `${a} units on chain, ${b} in the books`);
  differing('credits_not_ledger', escrow, totals.creditUnits, books.creditUnits, (a, b) => `${a} units on chain, ${b} in the books`);
  differing('escrow_not_ledger', escrow, totals.depositUnits + totals.creditUnits, books.escrowUnits, (a, b) => `${a} units of deposits and credits on chain, ${b} in the books`);
  return found;
}

/** Differences that an event which was not read would make: reading again may mend them. */
export const isOfEvents = ({ kind }: Pick<Difference, 'kind'>): boolean => kind === 'deposit_not_events' || kind === 'credited_not_events' || kind === 'escrow_short';

export const isSame = (a: Pick<Difference, 'kind' | 'subject'>, b: Pick<Difference, 'kind' | 'subject'>): boolean => a.kind === b.kind && a.subject === b.subject;
