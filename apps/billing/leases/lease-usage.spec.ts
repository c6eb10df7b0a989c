import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { leaseReturn } from './lease-return.js';
import { useLeases } from './lease-usage.js';
import type { LeaseBalance } from './lease-usage.js';

const lease = (over: Partial<LeaseBalance> = {}): LeaseBalance => ({ id: 'lease', budget: 'budget', tenant: 'tenant', fence: 1, open: true, remainingNanos: 100n, keptNanos: 0n, ...over });
const use = (amountNanos: bigint, over: object = {}) => ({ record: 'r', tenant: 'tenant', budget: 'budget', lease: 'lease', amountNanos, keptNanos: 0n, keptBy: 'lease', ...over });
const nanos = fc.bigInt({ min: 0n, max: 1_000n });

describe('usage under a lease', () => {
  it('is paid by the lease as long as it lasts, then by the budget, and that is named', () => {
    const { bookings, remaining } = useLeases(new Map([['lease', lease()]]), [use(60n), use(60n), use(0n)]);
    expect(bookings).toMatchObject([
      { fromLeaseNanos: 60n, fromAvailableNanos: 0n, anomaly: undefined },
      { fromLeaseNanos: 40n, fromAvailableNanos: 20n, anomaly: 'lease_overrun' },
      { fromLeaseNanos: 0n, fromAvailableNanos: 0n, anomaly: undefined },
    ]);
    expect(remaining.get('lease')).toBe(0n);
  });

  it('of a closed lease is paid by what was kept for it, and the rest of that returns', () => {
    const { bookings } = useLeases(new Map([['lease', lease({ open: false, remainingNanos: 50n, keptNanos: 50n })]]), [use(20n, { keptNanos: 30n }), use(30n, { keptNanos: 20n })]);
    expect(bookings).toMatchObject([
      { fromLeaseNanos: 20n, returnedNanos: 10n, fromAvailableNanos: 0n, anomaly: undefined },
      { fromLeaseNanos: 20n, returnedNanos: 0n, fromAvailableNanos: 10n, anomaly: 'late_lease_usage' },
    ]);
  });

  it('of a closed lease that has less than it kept, for its holder gave up what one record did not need, leaves that to the others', () => {
    const { bookings, remaining } = useLeases(new Map([['lease', lease({ open: false, remainingNanos: 140n, keptNanos: 200n })]]), [use(40n, { record: 'a', keptNanos: 100n }), use(90n, { record: 'b', keptNanos: 100n })]);
    expect(bookings).toMatchObject([
      { fromLeaseNanos: 40n, returnedNanos: 0n, fromAvailableNanos: 0n, anomaly: undefined },
      { fromLeaseNanos: 90n, returnedNanos: 10n, fromAvailableNanos: 0n, anomaly: undefined },
    ]);
    expect(remaining.get('lease')).toBe(0n);
  });

  it('of a closed lease that has nothing left, because it kept for more than it had, is paid by the budget and takes nothing back', () => {
    for (const [remainingNanos, keptNanos] of [[0n, 0n], [60n, 160n]] as const) {
      const empty = new Map([['lease', lease({ open: false, remainingNanos, keptNanos })]]);
      const { bookings, remaining } = useLeases(empty, [use(remainingNanos, { record: 'a', keptNanos: remainingNanos }), use(130n, { record: 'b', keptNanos: 100n })]);
      expect(bookings.at(-1)).toMatchObject({ fromLeaseNanos: 0n, fromAvailableNanos: 130n, returnedNanos: 0n, anomaly: 'late_lease_usage' });
      expect(remaining.get('lease')).toBe(0n);
    }
  });

  it('of work begun again under another lease is paid by that one, and what the first kept returns whole', () => {
    const first = lease({ id: 'first', open: false, remainingNanos: 30n, keptNanos: 30n });
    for (const second of [lease(), lease({ open: false, remainingNanos: 0n })]) {
      const { bookings, remaining } = useLeases(new Map([['first', first], ['lease', second]]), [use(20n, { keptNanos: 30n, keptBy: 'first' })]);
      expect(bookings).toMatchObject([{ fromLeaseNanos: second.open ? 20n : 0n, fromAvailableNanos: second.open ? 0n : 20n, returnedNanos: 30n }]);
      expect(remaining).toEqual(new Map([['first', 0n], ['lease', second.open ? 80n : 0n]]));
    }
  });

  it('of a lease that is unknown or another budget’s is paid by the budget', () => {
    for (const known of [new Map<string, LeaseBalance>(), new Map([['lease', lease({ budget: 'other' })]]), new Map([['lease', lease({ tenant: 'other' })]])]) {
      const { bookings } = useLeases(known, [use(5n)]);
      expect(bookings).toMatchObject([{ fromLeaseNanos: 0n, fromAvailableNanos: 5n, anomaly: 'unknown_lease' }]);
    }
  });

  it('is booked whole, and what the lease loses is what was paid from it and returned', () => {
    fc.assert(
      fc.property(nanos, fc.array(fc.tuple(nanos, nanos)), fc.boolean(), (start, pairs, open) => {
        const { returnedNanos, kept } = leaseReturn(start, pairs.map(([, holdNanos], index) => ({ record: String(index), holdNanos })));
        const remainingNanos = open ? start : start - returnedNanos;
        const keptNanos = open ? 0n : kept.reduce((sum, one) => sum + one.keptNanos, 0n);
        const uses = pairs.map(([amountNanos], index) => use(amountNanos, { record: String(index), keptNanos: open ? 0n : kept[index]!.keptNanos }));
        const { bookings, remaining } = useLeases(new Map([['lease', lease({ open, remainingNanos, keptNanos })]]), uses);
        bookings.forEach((booking, index) => expect(booking.fromLeaseNanos + booking.fromAvailableNanos).toBe(pairs[index]![0]));
        const taken = bookings.reduce((sum, booking) => sum + booking.fromLeaseNanos + booking.returnedNanos, 0n);
        expect(remaining.get('lease')).toBe(remainingNanos - taken);
        expect(remaining.get('lease')! >= 0n && (open || remaining.get('lease') === 0n)).toBe(true);
      }),
    );
  });
});

describe('closing a lease', () => {
  it('returns what no open admission holds, and never more than is left', () => {
    fc.assert(
      fc.property(nanos, fc.array(nanos), (remaining, holds) => {
        const { returnedNanos, kept } = leaseReturn(remaining, holds.map((holdNanos, index) => ({ record: String(index), holdNanos })));
        const held = holds.reduce((sum, holdNanos) => sum + holdNanos, 0n);
        expect(returnedNanos).toBe(held > remaining ? 0n : remaining - held);
        expect(kept.map(({ keptNanos }) => keptNanos)).toEqual(holds);
      }),
    );
  });
});
