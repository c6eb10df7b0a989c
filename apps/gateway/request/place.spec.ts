import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExampleWorld, ManualClock, exampleOffer, offerEntry, uuidOf } from '../examples.js';
import type { MarketOffer } from '../market/market-offer.js';
import { OfferBook } from '../market/offer-book.js';
import { Placement } from './place.js';
import type { Slot } from './place.js';

const bound = { inputTokens: 1_000, outputTokens: 0 };
const none: ReadonlySet<string> = new Set();
const signal = new AbortController().signal;

describe('placement', () => {
  let world: ExampleWorld;
  let clock: ManualClock;
  let placement: Placement;
  beforeEach(() => {
    world = new ExampleWorld();
    clock = new ManualClock();
    placement = new Placement(new OfferBook(world.replicated), clock, 0);
  });
  const market = (...offers: [number, Partial<MarketOffer['entry']>, bigint][]): MarketOffer[] => {
    for (const [n, changes, price] of offers) world.offer(n, changes, price);
    const book = new OfferBook(world.replicated);
    return offers.map(([n]) => book.current(uuidOf(0x100 + n))!);
  };
  const place = (offers: MarketOffer[], tried = none): Promise<Slot | undefined> => placement.place(offers, tried, bound, signal);
  const nameOf = (slot: Slot | undefined): string | undefined => slot?.offer.entry.nodeName;

  it('takes the cheapest machine, then the next when it is full', async () => {
    const offers = market([1, { capacity: 1 }, 30n * 10n ** 6n], [2, { capacity: 1 }, 10n * 10n ** 6n], [3, { capacity: 1 }, 20n * 10n ** 6n]);
    expect([nameOf(await place(offers)), nameOf(await place(offers)), nameOf(await place(offers))]).toEqual(['node-2', 'node-3', 'node-1']);
    await expect(place(offers)).rejects.toMatchObject({ code: 'NO_CAPACITY' });
  });

  it('breaks a tie by latency', async () => {
    const offers = market([1, {}, 10n], [2, {}, 10n]);
    for (const [index, tookMs] of [[0, 80], [1, 20]] as const) {
      const slot = (await place([offers[index]!]))!;
      clock.ms += tookMs;
      slot.done('ok');
    }
    expect(nameOf(await place(offers))).toBe('node-2');
  });

  it('never takes a machine that is down, tried or not permitted', async () => {
    const offers = market([1, { state: 'down' }, 10n], [2, {}, 20n]);
    expect(nameOf(await place(offers))).toBe('node-2');
    expect(await place(offers, new Set([offers[1]!.id]))).toBeUndefined();
    world.offers.put(uuidOf(0x102), offerEntry(2, { state: 'down' }));
    expect(await place(offers)).toBeUndefined();
  });

  it('lets a failed machine rest while another can do it, and uses it as the last resort', async () => {
    const offers = market([1, {}, 10n], [2, {}, 20n]);
    (await place(offers))!.done('failed');
    expect(nameOf(await place(offers))).toBe('node-2');
    expect(nameOf(await place(offers, new Set([offers[1]!.id])))).toBe('node-1');
    clock.ms += 2_000;
    expect(nameOf(await place(offers))).toBe('node-1');
  });

  it('waits for a place instead of refusing at once', async () => {
    const waiting = new Placement(new OfferBook(world.replicated), clock, 1_000);
    const offers = market([1, { capacity: 1 }, 10n]);
    const first = (await waiting.place(offers, none, bound, signal))!;
    const second = waiting.place(offers, none, bound, signal);
    first.done('ok');
    expect(nameOf(await second)).toBe('node-1');
  });

  it('stops waiting when the client goes away', async () => {
    const waiting = new Placement(new OfferBook(world.replicated), clock, 60_000);
    const offers = market([1, { capacity: 1 }, 10n]);
    await waiting.place(offers, none, bound, signal);
    const client = new AbortController();
    const second = waiting.place(offers, none, bound, client.signal);
    client.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
  });

  it('always takes an offer of the least cost among the free ones and never over capacity', async () => {
    const offer = fc.record({ capacity: fc.integer({ min: 1, max: 3 }), price: fc.bigInt(0n, 5n) });
    await fc.assert(
      fc.asyncProperty(fc.array(offer, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 20 }), async (shapes, jobs) => {
        const offers = shapes.map(({ capacity, price }, n) => exampleOffer(n, { capacity }, price * 10n ** 9n));
        const placing = new Placement({ current: (id) => offers.find((candidate) => candidate.id === id) }, clock, 0);
        const taken = new Map<string, number>();
        for (let job = 0; job < jobs; job += 1) {
          const free = offers.filter(({ id, entry }) => (taken.get(id) ?? 0) < entry.capacity);
          const slot = await placing.place(offers, none, bound, signal).catch(() => undefined);
          expect(slot === undefined).toBe(free.length === 0);
          if (!slot) return;
          const least = free.reduce((low, { price }) => (price.inputNanosPerMillion < low ? price.inputNanosPerMillion : low), 10n ** 12n);
          expect(slot.offer.price.inputNanosPerMillion).toBe(least);
          taken.set(slot.offer.id, (taken.get(slot.offer.id) ?? 0) + 1);
        }
      }),
    );
  });
});
