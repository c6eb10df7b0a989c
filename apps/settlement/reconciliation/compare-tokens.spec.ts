import { describe, expect, it } from '@jest/globals';
import { compareTokens, totalsOf } from './compare-tokens.js';
import type { ComparedPayer, TokensInBooks, TokensOnChain } from './compare-tokens.js';

const booked: ComparedPayer = {
  address: `0x${'1'.repeat(40)}`,
  tenant: '0198c0de-0000-7000-8000-00000000000a',
  availableUnits: 60n,
  thawingUnits: 10n,
  cumulativeUnits: 30n,
  depositedUnits: 100n,
  withdrawnUnits: 10n,
  settledUnits: 30n,
  paidOutUnits: 5n,
  statementUnits: 30n,
  unbookedUnits: 0n,
  takenBack: [],
};
/** Deposits and pays by hand, and is in no book. */
const stranger: ComparedPayer = { ...booked, address: `0x${'2'.repeat(40)}`, tenant: null, availableUnits: 7n, cumulativeUnits: 0n, depositedUnits: 7n, withdrawnUnits: 0n, settledUnits: 0n, paidOutUnits: 0n, statementUnits: 0n };
const chain: TokensOnChain = { escrow: `0x${'e'.repeat(40)}`, heldBaseUnits: 920n, baseUnitsPerUnit: 10n, payers: [booked, stranger] };
const books: TokensInBooks = { depositUnits: 60n, creditUnits: 25n, escrowUnits: 85n };

const kinds = (over: Partial<TokensOnChain>, others: Partial<TokensInBooks> = {}): string[] => compareTokens({ ...chain, ...over }, { ...books, ...others }).map(({ kind }) => kind);
const payer = (over: Partial<ComparedPayer>): Partial<TokensOnChain> => ({ payers: [{ ...booked, ...over }, stranger] });

describe('comparing the units of a token', () => {
  it('finds nothing where chain, events, statements and books agree, whoever else uses the escrow', () => {
    expect(totalsOf(chain)).toEqual({ owedBaseUnits: 920n, depositUnits: 60n, creditUnits: 25n });
    expect(compareTokens(chain, books)).toEqual([]);
    expect(kinds({ heldBaseUnits: 1_000n })).toEqual([]);
  });

  it('finds one unit, on whichever side it is', () => {
    expect(kinds(payer({ depositedUnits: 99n }))).toEqual(['deposit_not_events']);
    expect(kinds(payer({ withdrawnUnits: 9n }))).toEqual(['deposit_not_events']);
    expect(kinds(payer({ statementUnits: 29n }))).toEqual(['credited_not_statements']);
    expect(kinds(payer({ settledUnits: 29n }))).toEqual(['deposit_not_events', 'credited_not_events', 'credits_not_ledger', 'escrow_not_ledger']);
    expect(kinds(payer({ paidOutUnits: 4n }))).toEqual(['escrow_short', 'credits_not_ledger', 'escrow_not_ledger']);
    expect(kinds({ heldBaseUnits: 919n })).toEqual(['escrow_short']);
    expect(kinds({}, { depositUnits: 61n })).toEqual(['deposits_not_ledger']);
    expect(kinds({}, { creditUnits: 24n })).toEqual(['credits_not_ledger']);
    expect(kinds({}, { escrowUnits: 84n })).toEqual(['escrow_not_ledger']);
  });

  it('asks of the books no deposit that they were not told of, and no other', () => {
    const refused = payer({ unbookedUnits: 20n });
    expect(kinds(refused, { depositUnits: 40n, escrowUnits: 65n })).toEqual([]);
    expect(kinds(refused)).toEqual(['deposits_not_ledger', 'escrow_not_ledger']);
  });

  it('names what was in a final block and is in none now, and what the books have too much by it', () => {
    const gone = payer({ depositedUnits: 77n, availableUnits: 37n, takenBack: ['Deposited of 23 units (0x1)'] });
    expect(compareTokens({ ...chain, ...gone }, books)).toMatchObject([
      { kind: 'finality_broken', subject: booked.address, tenant: booked.tenant, detail: 'in no block any more: Deposited of 23 units (0x1)' },
      { kind: 'deposits_not_ledger', detail: '37 units on chain, 60 in the books' },
      { kind: 'escrow_not_ledger' },
    ]);
  });

  it('names the payer and what either side says', () => {
    expect(compareTokens({ ...chain, ...payer({ depositedUnits: 98n }) }, books)).toEqual([{ kind: 'deposit_not_events', subject: booked.address, tenant: booked.tenant, detail: '60 units on chain, 58 by its events' }]);
  });
});
