import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nanosMax } from '#kernel';
import { accountId, budgetAccounts, credited, deposit, drawn, escrow, exchange, namedUuid, payable, receivable, unassigned } from './chart-of-accounts.js';
import { move, namedByCaller, transfer, transferCodes, transferHash } from './transfer.js';

const tenant = '0198c0de-0000-7000-8000-000000000001';
const payee = `0x${'Ab'.repeat(20)}`;
const accounts = [receivable(tenant), payable(tenant, payee), drawn(tenant, payee), exchange('USD'), ...Object.values(budgetAccounts(tenant, tenant))];

describe('the chart of accounts', () => {
  it('gives every account an id of its own that depends on code and currency alone', () => {
    const all = [...accounts, exchange('TUSD6'), escrow('TUSD6'), deposit(tenant, 'TUSD6'), credited(tenant, payee, 'TUSD6'), unassigned(tenant, tenant)];
    expect(new Set(all.map(accountId)).size).toBe(all.length);
    expect(accountId(receivable(tenant))).toBe(accountId(receivable(tenant)));
    expect(accountId(payable(tenant, payee.toLowerCase()))).toBe(accountId(payable(tenant, payee)));
  });

  it('makes ids that are UUIDs of version 8', () => {
    fc.assert(fc.property(fc.array(fc.string(), { minLength: 1 }), (parts) => expect(namedUuid(...parts)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)));
    expect(namedUuid('a', 'b')).not.toBe(namedUuid('ab'));
  });
});

describe('what a caller names', () => {
  it('never has the name of a charge, nor of what follows from one, nor of what another kind of call has named so', () => {
    const follows = (id: string): string[] => [id, namedUuid('holdback', id), namedUuid('holdback.end', id), namedUuid('royalty', id), namedUuid('refund.pay', id)];
    fc.assert(
      fc.property(fc.uuid(), (record) => {
        const names = follows(record).flatMap((id) => transferCodes.map((code) => namedByCaller(code, id)));
        expect(new Set([...follows(record), ...names]).size).toBe(5 + 5 * transferCodes.length);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a transfer', () => {
  const moves = fc.array(fc.tuple(fc.nat(accounts.length - 1), fc.nat(accounts.length - 1), fc.bigInt({ min: -(2n ** 40n), max: 2n ** 40n })), { maxLength: 12 });

  it('has one line per account, none of zero, and sums to zero', () => {
    fc.assert(
      fc.property(moves, (chosen) => {
        const { lines } = transfer('id', 'charge', tenant, chosen.flatMap(([from, to, amount]) => move(accounts[from]!, accounts[to]!, amount)));
        expect(lines.reduce((sum, { amount }) => sum + amount, 0n)).toBe(0n);
        expect(lines.every(({ amount }) => amount !== 0n)).toBe(true);
        expect(new Set(lines.map(({ account }) => account.code)).size).toBe(lines.length);
      }),
    );
  });

  it('is refused when one of its currencies does not sum to zero, though all together do', () => {
    const lines = [
      { account: receivable(tenant), amount: 5n },
      { account: escrow('TUSD6'), amount: -5n },
    ];
    expect(() => transfer('id', 'charge', tenant, lines)).toThrow(expect.objectContaining({ code: 'LEDGER_UNBALANCED' }));
  });

  it('is refused when an amount is beyond what a posting holds', () => {
    expect(() => transfer('id', 'charge', tenant, move(payable(tenant, payee), receivable(tenant), nanosMax + 1n))).toThrow(expect.objectContaining({ code: 'AMOUNT_OVERFLOW' }));
  });

  it('hashes to the same for the same content in any order, and to another for any other', () => {
    const of = (amount: bigint, code: 'charge' | 'deposit' = 'charge', whose = tenant) => transferHash(transfer('id', code, whose, [...move(payable(tenant, payee), receivable(tenant), amount), ...move(exchange('USD'), drawn(tenant, payee), 1n)]));
    const reversed = transfer('id', 'charge', tenant, [...move(exchange('USD'), drawn(tenant, payee), 1n), ...move(payable(tenant, payee), receivable(tenant), 5n)]);
    expect(transferHash(reversed)).toBe(of(5n));
    expect(new Set([of(5n), of(6n), of(5n, 'deposit'), of(5n, 'charge', 'another')]).size).toBe(4);
  });
});
