import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExampleWorld, ManualClock, exampleOffer, offerEntry, uuidOf } from '../examples.js';
import type { MarketOffer } from '../market/market-offer.js';
import { OfferBook } from '../market/offer-book.js';
import { Placement } from './place.js';
import type { Slot } from './place.js';

const bound = { inputTokens: 1_000, outputTokens: 0 };
/** Prices are per million tokens: less would round to the same cost. */
const million = 10n ** 6n;
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
    const offers = market([1, {}, 10n * million], [2, {}, 10n * million]);
    for (const [index, tookMs] of [[0, 80], [1, 20]] as const) {
      const slot = (await place([offers[index]!]))!;
      clock.ms += tookMs;
      slot.done('ok');
    }
    expect(nameOf(await place(offers))).toBe('node-2');
  });

  it('never takes a machine that is down, tried or not permitted', async () => {
    const offers = market([1, { state: 'down' }, 10n * million], [2, {}, 20n * million]);
    expect(nameOf(await place(offers))).toBe('node-2');
    expect(await place(offers, new Set([offers[1]!.id]))).toBeUndefined();
    world.offers.put(uuidOf(0x102), offerEntry(2, { state: 'down' }));
    expect(await place(offers)).toBeUndefined();
  });

  it('lets a failed machine rest while another can do it, and uses it as the last resort', async () => {
    const offers = market([1, {}, 10n * million], [2, {}, 20n * million]);
    (await place(offers))!.done('failed');
    expect(nameOf(await place(offers))).toBe('node-2');
    expect(nameOf(await place(offers, new Set([offers[1]!.id])))).toBe('node-1');
    clock.ms += 2_000;
    expect(nameOf(await place(offers))).toBe('node-1');
  });

  it('opens the circuit of a machine after five failures in a row, lets one probe through, and closes it when that succeeds', async () => {
    const offers = market([1, { capacity: 10 }, 10n * million], [2, { capacity: 10 }, 20n * million]);
    const [one] = offers;
    for (let n = 0; n < 5; n += 1) (await place([one!]))!.done('failed');
    clock.ms += 29_000;
    expect(nameOf(await place(offers))).toBe('node-2');
    clock.ms += 1_000;
    const probe = (await place(offers))!;
    expect([nameOf(probe), nameOf(await place(offers))]).toEqual(['node-1', 'node-2']);
    probe.done('ok');
    expect([nameOf(await place(offers)), nameOf(await place(offers))]).toEqual(['node-1', 'node-1']);
  });

  it('keeps a circuit open for longer each time a probe fails', async () => {
    const offers = market([1, {}, 10n * million], [2, { capacity: 100 }, 20n * million]);
    for (let n = 0; n < 5; n += 1) (await place([offers[0]!]))!.done('failed');
    for (const openMs of [30_000, 60_000, 90_000]) {
      clock.ms += openMs - 1;
      expect(nameOf(await place(offers))).toBe('node-2');
      clock.ms += 1;
      const probe = (await place(offers))!;
      expect(nameOf(probe)).toBe('node-1');
      probe.done('failed');
    }
  });

  it('probes with one job at a time when every circuit is open, instead of refusing for as long', async () => {
    const offers = market([1, { capacity: 10 }, 10n * million]);
    for (let n = 0; n < 5; n += 1) (await place(offers))!.done('failed');
    const probe = (await place(offers))!;
    await expect(place(offers)).rejects.toMatchObject({ code: 'NO_CAPACITY' });
    probe.done('cancelled');
    (await place(offers))!.done('ok');
    expect([nameOf(await place(offers)), nameOf(await place(offers))]).toEqual(['node-1', 'node-1']);
  });

  it('ejects the machine that fails far more often than the others of its model', async () => {
    const offers = market(...[1, 2, 3, 4, 5, 6].map((n): [number, Partial<MarketOffer['entry']>, bigint] => [n, { capacity: 1_000 }, 10n * million]));
    for (const [index, offer] of offers.entries()) {
      // Never five in a row: the circuit stays closed by itself.
      for (let n = 0; n < 120; n += 1) (await place([offer]))!.done(index === 2 && n % 3 === 0 ? 'failed' : 'ok');
    }
    clock.ms += 10_000;
    const used = new Set<string | undefined>();
    for (let n = 0; n < 300; n += 1) used.add(nameOf(await place(offers)));
    expect(used.has('node-3')).toBe(false);
    expect(used.size).toBe(5);
    clock.ms += 30_000;
    const after = new Set<string | undefined>();
    for (let n = 0; n < 300; n += 1) after.add(nameOf(await place(offers)));
    expect(after.has('node-3')).toBe(true);
  });

  it('spreads jobs over machines of one price by the lesser of two loads', async () => {
    const offers = market([1, { capacity: 100 }, 10n * million], [2, { capacity: 100 }, 10n * million], [3, { capacity: 100 }, 10n * million]);
    const counts = new Map<string | undefined, number>();
    for (let n = 0; n < 90; n += 1) {
      const name = nameOf(await place(offers));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 30)).toBeLessThan(8);
  });

  it('waits for a place instead of refusing at once', async () => {
    const waiting = new Placement(new OfferBook(world.replicated), clock, 1_000);
    const offers = market([1, { capacity: 1 }, 10n * million]);
    const first = (await waiting.place(offers, none, bound, signal))!;
    const second = waiting.place(offers, none, bound, signal);
    first.done('ok');
    expect(nameOf(await second)).toBe('node-1');
  });

  it('stops waiting when the client goes away', async () => {
    const waiting = new Placement(new OfferBook(world.replicated), clock, 60_000);
    const offers = market([1, { capacity: 1 }, 10n * million]);
    await waiting.place(offers, none, bound, signal);
    const client = new AbortController();
    const second = waiting.place(offers, none, bound, client.signal);
    client.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
  });

  it('leaves a machine whose engine limits its rate alone for as long as it says, and says so when there is no other', async () => {
    const offers = market([1, {}, 10n * million], [2, {}, 20n * million]);
    (await place(offers))!.done('busy', 5_000);
    clock.ms += 4_999;
    expect(nameOf(await place(offers))).toBe('node-2');
    await expect(place(offers, new Set([offers[1]!.id]))).rejects.toMatchObject({ code: 'NO_CAPACITY', details: { retryAfterMs: 1 } });
    clock.ms += 1;
    expect(nameOf(await place(offers))).toBe('node-1');
    (await place(offers))!.done('busy', 10 ** 12);
    clock.ms += 300_000;
    expect(nameOf(await place(offers))).toBe('node-1');
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
