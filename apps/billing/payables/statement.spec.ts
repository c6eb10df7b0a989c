import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nanosFor, ratio, unitsFor } from '#protocol';
import type { ConversionRate } from '#protocol';
import { parRate, tokenCurrency } from '../billing-config.js';
import type { Transfer } from '../ledger/transfer.js';
import { depositTransfer, depositWithdrawalTransfer, settleTransfer, withdrawalTransfer } from './chain-transfers.js';
import { drawStatement, drawTransfer, mostOwed } from './statement.js';

const tenant = '0198c0de-0000-7000-8000-000000000001';
const payee = (index: number): string => `0x${index.toString(16).padStart(40, '0')}`;
const owedList = fc.array(fc.bigInt({ min: -5_000n, max: 10n ** 12n }), { maxLength: 10 });
const decimals = fc.integer({ min: 0, max: 9 });

const rateOf = (nanos: bigint, units: bigint): ConversionRate => ({ ...ratio(nanos, units), source: { kind: 'fixed', usdPerToken: '1', reason: 'a test', date: null }, readAtMs: 0 });
const milli = rateOf(1_000n, 1n);
const rates = fc.tuple(fc.bigInt(1n, 10n ** 12n), fc.bigInt(1n, 10n ** 12n)).map(([nanos, units]) => rateOf(nanos, units));

const total = (transfer: Transfer, currency: string, kind: string): bigint => transfer.lines.filter(({ account }) => account.currency === currency && account.kind === kind).reduce((sum, { amount }) => sum + amount, 0n);

describe('drawing a statement', () => {
  it('takes whole units and leaves less than one of each payee, for every token scale', () => {
    fc.assert(
      fc.property(owedList, decimals, (owed, BILLING_TOKEN_DECIMALS) => {
        const token = tokenCurrency({ BILLING_TOKEN_DECIMALS });
        const { nanosPerUnit } = token;
        const statement = drawStatement('s', tenant, owed.map((owedNanos, index) => ({ payee: payee(index), owedNanos, cumulativeUnits: 0n })), parRate(token, 0), 0n);
        const units = new Map(statement?.lines.map((line) => [line.payee, line.units]));
        owed.forEach((owedNanos, index) => {
          const rest = owedNanos - (units.get(payee(index)) ?? 0n) * nanosPerUnit;
          expect(owedNanos < 0n ? rest === owedNanos : rest >= 0n && rest < nanosPerUnit).toBe(true);
        });
        expect(statement?.totalUnits ?? 0n).toBe([...units.values()].reduce((sum, value) => sum + value, 0n));
        if (statement) expect(total(drawTransfer(statement), 'USD', 'payable')).toBe(statement.totalUnits * nanosPerUnit);
      }),
    );
  });

  it('pays everybody in consecutive draws of at most so many payees, those who are owed most first', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 9_000n }), { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), (earned, payeesMax) => {
        let owed = earned.map((owedNanos, index) => ({ payee: payee(index), owedNanos, cumulativeUnits: 0n }));
        let before = 0n;
        let leastBefore = 2n ** 64n;
        for (let draws = 0; draws < Math.ceil(earned.filter((nanos) => nanos >= 1_000n).length / payeesMax); draws++) {
          const statement = drawStatement('s', tenant, mostOwed(owed, milli, payeesMax), milli, before)!;
          expect(statement.lines.length).toBeLessThanOrEqual(payeesMax);
          expect(statement.lines.map((line) => line.payee)).toEqual([...statement.lines.map((line) => line.payee)].sort());
          const taken = new Map(statement.lines.map((line) => [line.payee, line.units]));
          const most = statement.lines.reduce((max, { units }) => (units > max ? units : max), 0n);
          expect(most <= leastBefore).toBe(true);
          leastBefore = statement.lines.reduce((min, { units }) => (units < min ? units : min), leastBefore);
          before = statement.cumulativeTotalUnits;
          owed = owed.map((each) => ({ ...each, owedNanos: each.owedNanos - (taken.get(each.payee) ?? 0n) * 1_000n }));
        }
        expect(owed.every(({ owedNanos }) => owedNanos < 1_000n)).toBe(true);
        expect(before).toBe(earned.reduce((sum, nanos) => sum + nanos / 1_000n, 0n));
      }),
    );
  });

  it('pays everybody in consecutive draws of at most so many units, those who are owed most first and the last in part', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 9_000n }), { maxLength: 20 }), rates, fc.bigInt(1n, 40n), fc.integer({ min: 1, max: 30 }), (earned, rate, unitsMax, payeesMax) => {
        const scaled = earned.map((nanos) => (nanos * rate.nanos) / (rate.units * 100n));
        let owed = scaled.map((owedNanos, index) => ({ payee: payee(index), owedNanos, cumulativeUnits: 0n }));
        let before = 0n;
        for (let draws = 0; ; draws++) {
          const chosen = mostOwed(owed, rate, payeesMax, unitsMax);
          const statement = drawStatement('s', tenant, chosen, rate, before);
          if (statement === undefined) break;
          expect(draws).toBeLessThan(2_000);
          expect(statement.totalUnits <= unitsMax && statement.lines.length <= payeesMax).toBe(true);
          // One at most is paid in part, and then nothing is left of what may be paid.
          const cut = statement.lines.filter(({ payee: of, units }) => units < unitsFor(owed.find((each) => each.payee === of)!.owedNanos, rate));
          expect(cut.length).toBeLessThanOrEqual(1);
          expect(cut.map(({ payee: of }) => of)).toEqual(chosen.filter((each) => each.unitsMax !== undefined).map((each) => each.payee));
          if (cut.length === 1) expect(statement.totalUnits).toBe(unitsMax);
          const taken = new Map(statement.lines.map((line) => [line.payee, line]));
          const least = chosen.reduce((min, { owedNanos }) => (owedNanos < min ? owedNanos : min), chosen[0]!.owedNanos);
          for (const each of owed) if (!taken.has(each.payee)) expect(each.owedNanos <= least || unitsFor(each.owedNanos, rate) === 0n).toBe(true);
          for (const { payee: of, nanos } of statement.lines) expect(nanos <= owed.find((each) => each.payee === of)!.owedNanos).toBe(true);
          before = statement.cumulativeTotalUnits;
          owed = owed.map((each) => ({ ...each, owedNanos: each.owedNanos - (taken.get(each.payee)?.nanos ?? 0n) }));
        }
        expect(owed.every(({ owedNanos }) => unitsFor(owedNanos, rate) === 0n)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('loses nothing over many draws: in the end all but less than a unit is paid', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 5_000n }), { minLength: 1, maxLength: 30 }), (earnings) => {
        let owedNanos = 0n;
        let cumulativeUnits = 0n;
        for (const earned of earnings) {
          owedNanos += earned;
          const statement = drawStatement('s', tenant, [{ payee: payee(1), owedNanos, cumulativeUnits }], milli, cumulativeUnits);
          if (!statement) continue;
          owedNanos -= statement.totalUnits * 1_000n;
          cumulativeUnits = statement.lines[0]!.cumulativeUnits;
          expect(statement.cumulativeTotalUnits).toBe(cumulativeUnits);
        }
        const earned = earnings.reduce((sum, value) => sum + value, 0n);
        expect(cumulativeUnits).toBe(earned / 1_000n);
        expect(owedNanos).toBe(earned % 1_000n);
      }),
    );
  });
});

describe('drawing at a rate', () => {
  it('takes of each payee exactly what its units pay, and leaves the rest to the nano', () => {
    fc.assert(
      fc.property(owedList, rates, (owed, rate) => {
        const statement = drawStatement('s', tenant, owed.map((owedNanos, index) => ({ payee: payee(index), owedNanos, cumulativeUnits: 7n })), rate, 9n);
        const lines = new Map(statement?.lines.map((line) => [line.payee, line]));
        owed.forEach((owedNanos, index) => {
          const line = lines.get(payee(index));
          expect(line?.units ?? 0n).toBe(unitsFor(owedNanos, rate));
          if (!line) return;
          expect(line).toMatchObject({ nanos: nanosFor(line.units, rate), cumulativeUnits: 7n + line.units });
          expect(line.nanos <= owedNanos).toBe(true);
        });
        if (!statement) return;
        expect(statement.cumulativeTotalUnits).toBe(9n + [...lines.values()].reduce((sum, { units }) => sum + units, 0n));
        expect(total(drawTransfer(statement), 'USD', 'payable')).toBe([...lines.values()].reduce((sum, { nanos }) => sum + nanos, 0n));
      }),
    );
  });
});

describe('what the chain confirms', () => {
  const token = tokenCurrency({ BILLING_TOKEN_DECIMALS: 6 });

  it('closes drawn against receivable in dollars, and deposit against credit in tokens, and the exchange is empty afterwards', () => {
    const settled = settleTransfer('s', tenant, [{ payee: payee(1), units: 3n, nanos: 3_000n }, { payee: payee(2), units: 4n, nanos: 4_001n }], token);
    expect(total(settled, 'USD', 'drawn')).toBe(7_001n);
    expect(total(settled, 'USD', 'receivable')).toBe(-7_001n);
    expect(total(settled, 'TUSD6', 'deposit')).toBe(7n);
    expect(total(settled, 'TUSD6', 'credited')).toBe(-7n);
    expect([total(settled, 'USD', 'exchange'), total(settled, 'TUSD6', 'exchange')]).toEqual([0n, 0n]);
  });

  it('moves the escrow by deposits and withdrawals alone', () => {
    expect(total(depositTransfer('p', tenant, 9n, token), 'TUSD6', 'escrow')).toBe(9n);
    expect(total(depositWithdrawalTransfer('p', tenant, 9n, token), 'TUSD6', 'escrow')).toBe(-9n);
    expect(total(withdrawalTransfer('p', tenant, payee(1), 9n, token), 'TUSD6', 'escrow')).toBe(-9n);
    expect(depositTransfer('p', tenant, 9n, token).id).not.toBe(depositTransfer('q', tenant, 9n, token).id);
  });
});
