import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SystemClock, SystemIds } from '#kernel';
import { chargeOf } from '#protocol';
import { budgetAccounts } from '../ledger/chart-of-accounts.js';
import { priced } from '../price-books/priced.js';
import { admittedFacts, completedFacts, recordOf } from '../records-harness.js';
import type { TestNode } from '../records-harness.js';
import { chargeFrom, chargeTransfer, partsOf, priceAnomalies } from './charge.js';
import { recordBatch } from './record-batch.js';

const ids = new SystemIds(new SystemClock());
const market = { tenant: ids.uuid(), project: ids.uuid() };
const lease = { lease: ids.uuid(), budget: ids.uuid(), amountNanos: 1n, fence: 1, ttlMs: 1 };
const offer = ids.uuid();
const price = { version: ids.uuid(), offer, currency: 'USD' as const, inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: 5n, hash: '', validFromMs: 0, validToMs: null };
const node = { id: ids.uuid(), offer, payee: `0x${'1'.repeat(40)}`, price } as TestNode;
const admitted = admittedFacts(ids, market, lease, node);
const payee = `0x${'2'.repeat(40)}`;

describe('the price of usage', () => {
  it('rounds each line half up, once', () => {
    expect(chargeOf({ inputTokens: 1, outputTokens: 0 }, { inputNanosPerMillion: 499_999n, outputNanosPerMillion: 0n })).toBe(0n);
    expect(chargeOf({ inputTokens: 1, outputTokens: 0 }, { inputNanosPerMillion: 500_000n, outputNanosPerMillion: 0n })).toBe(1n);
    expect(chargeOf({ inputTokens: 1, outputTokens: 1 }, { inputNanosPerMillion: 500_000n, outputNanosPerMillion: 500_000n })).toBe(2n);
  });

  it('grows with usage, and splitting a job changes it by less than a nano a part', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 9), fc.nat(10 ** 9), fc.bigInt({ min: 0n, max: 10n ** 9n }), (one, other, inputNanosPerMillion) => {
        const of = (inputTokens: number): bigint => chargeOf({ inputTokens, outputTokens: 0 }, { inputNanosPerMillion, outputNanosPerMillion: 0n });
        const difference = of(one + other) - of(one) - of(other);
        expect(difference >= -1n && difference <= 1n && of(one + other) >= of(one)).toBe(true);
      }),
    );
  });
});

describe('a charge', () => {
  it('agrees with its price version, or is named', () => {
    const of = (over: object) => priceAnomalies(chargeFrom(completedFacts(admitted, node, 100, over), 'completed'), price).map(({ kind }) => kind);
    expect(of({})).toEqual([]);
    expect(of({ chargeNanos: 2_001n })).toEqual(['charge_mismatch']);
    expect(of({ outcome: 'failed' })).toEqual(['charge_mismatch']);
    expect(of({ offer: ids.uuid() })).toEqual(['price_unknown']);
    expect(of({ chargeNanos: 2n ** 63n })).toEqual(['charge_invalid']);
    const usage = { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 0 };
    expect(priceAnomalies(chargeFrom(completedFacts(admitted, node, 100, { usage }), 'completed'), { ...price, inputNanosPerMillion: 5_000_000_000n }).map(({ kind }) => kind)).toEqual(['charge_mismatch']);
  });

  it('moves what is owed to the payee, and the budget by where it was paid from', () => {
    const charge = chargeFrom(completedFacts(admitted, node, 100), 'completed');
    const use = { record: admitted.record, fromLeaseNanos: 1_500n, fromAvailableNanos: 500n, returnedNanos: 30n, anomaly: undefined };
    const amounts = (posted: ReturnType<typeof chargeTransfer>): Record<string, bigint> => Object.fromEntries(posted.lines.map(({ account, amount }) => [account.kind, amount]));
    const whole = partsOf(charge, price);
    const full = chargeTransfer(charge, whole, use, payee, true);
    expect(full.id).toBe(admitted.record);
    expect(amounts(full)).toEqual({ receivable: 2_000n, payable: -2_000n, 'budget.spent': 2_000n, 'budget.leased': -1_530n, 'budget.available': -470n });
    expect(full.lines.find(({ account }) => account.kind === 'budget.spent')!.account).toEqual(budgetAccounts(lease.budget, market.tenant).spent);
    expect(amounts(chargeTransfer(charge, whole, use, undefined, false))).toEqual({ receivable: 2_000n, unassigned: -2_000n });
  });

  it('is divided between machine, network and deployment without a nano lost or made, whatever was recorded', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 9), fc.bigInt({ min: 0n, max: 10n ** 9n }), fc.nat(100_000), fc.nat(100_000), fc.bigInt({ min: -5n, max: 5n }), fc.option(fc.bigInt(1n, 1_000n), { nil: undefined }), (tokens, ask, networkFeeBasisPoints, markupBasisPoints, off, requestNanos) => {
        const { price: sold, by } = priced({ inputNanosPerMillion: ask, outputNanosPerMillion: 0n }, { id: ids.uuid(), rules: [{ network: null, model: null, networkFeeBasisPoints, markupBasisPoints, ...(requestNanos !== undefined && { requestNanos }) }] }, 'm', undefined);
        const due = chargeOf({ inputTokens: tokens, outputTokens: 0 }, sold) + off;
        const charge = chargeFrom(completedFacts(admitted, node, tokens, { chargeNanos: due > 0n ? due : 0n }), 'completed');
        const { earnedNanos, networkFeeNanos, markupNanos } = partsOf(charge, { ...sold, offer, book: by });
        expect(earnedNanos + networkFeeNanos + markupNanos).toBe(charge.amountNanos);
        expect(earnedNanos >= 0n && networkFeeNanos >= 0n && markupNanos >= 0n).toBe(true);
        expect(earnedNanos <= chargeOf({ inputTokens: tokens, outputTokens: 0 }, { inputNanosPerMillion: ask, outputNanosPerMillion: 0n }) || (networkFeeBasisPoints + markupBasisPoints === 0 && requestNanos === undefined)).toBe(true);
      }),
      { seed: 7 },
    );
  });
});

describe('a batch of records', () => {
  it('gives the first end of each record, and names those that say something else', () => {
    const [one, other] = [completedFacts(admitted, node, 10), completedFacts(admitted, node, 20)];
    const batch = recordBatch([recordOf(one), recordOf(admitted), recordOf(admitted), recordOf(one), recordOf(other), recordOf(one, 'voided')]);
    expect(batch.admitted).toEqual([admitted]);
    expect(batch.charges.map(({ amountNanos }) => amountNanos)).toEqual([200n]);
    expect(batch.conflicting.map(({ recordType, amountNanos }) => [recordType, amountNanos])).toEqual([['completed', 400n], ['voided', 200n]]);
  });

  it('leaves out what concerns the log only, and facts that are not the record’s own', () => {
    const one = recordOf(admitted);
    expect(recordBatch([{ ...one, facts: null }, { ...one, id: ids.uuid() }, { ...one, type: 'refused' }])).toEqual({ admitted: [], charges: [], conflicting: [] });
  });
});
