import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ableToLag, begin, isQuiet, stepsOf, wrongIn } from './lease-model-harness.js';
import type { PlantedFault, State, Step, World } from './lease-model-harness.js';

const stepsPerWalk = 500;

/** How often a kind of step is taken, of those that are possible: gateways die seldom, so that many are at work at once. */
const weights: Readonly<Record<string, number>> = { kill: 1, tick: 8, release: 2, hear: 4, repeat: 4, book: 12, reclaim: 6, request: 12, admit: 12, end: 8, close: 6, grant: 10, give: 6 };
const kindOf = ([name]: Step): string => name.split(' ')[0]!.replace(',', '');
/** What begins something new is left out when a walk comes to its end. */
const beginning: ReadonlySet<string> = new Set(['grant', 'request', 'kill', 'repeat', 'give']);

/** One of the possible steps, by a number from anywhere. */
function stepBy(choice: number, steps: readonly Step[]): Step | undefined {
  const kinds = [...new Set(steps.map(kindOf))];
  let left = choice % Math.max(kinds.reduce((sum, kind) => sum + weights[kind]!, 0), 1);
  const kind = kinds.find((each) => (left -= weights[each]!) < 0);
  const alike = steps.filter((step) => kindOf(step) === kind);
  return alike[(choice >>> 8) % Math.max(alike.length, 1)];
}

interface Walk {
  readonly gateways: number;
  readonly limit: number;
  readonly choices: readonly number[];
}

/** A walk through the protocol, and then on until nothing is under way. Answers what was wrong first, and how much was done. */
function walk({ gateways, limit, choices }: Walk, fault?: PlantedFault): { wrong: string | null; holders: number; spent: number; killed: number; way: string[] } {
  const world: World = { gateways, limit, requests: 150, leases: 120, recalls: 60, repeats: 40, ticks: Number.POSITIVE_INFINITY };
  const way: string[] = [];
  let state: State = begin(world);
  const done = (wrong: string | null) => ({ wrong, way, spent: state.spent, killed: state.alive.filter((alive) => !alive).length, holders: new Set(state.leases.map(({ gateway }) => gateway)).size });
  const take = (choice: number, isLast: boolean): boolean => {
    // Any of the clocks may lose the tick: each by a bit of the choice.
    const lagging = ableToLag(state).filter((lease) => ((choice >>> (lease % 24)) & 1) === 1);
    const steps = stepsOf(state, world, fault, () => [isLast ? [] : lagging]).filter((step) => !isLast || !beginning.has(kindOf(step)));
    const step = stepBy(choice, steps);
    if (!step) return false;
    way.push(step[0]);
    state = step[1]();
    return true;
  };
  for (const choice of choices) {
    if (!take(choice, false)) break;
    const wrong = wrongIn(state, world);
    if (wrong !== null) return done(wrong);
  }
  for (let rest = 0; !isQuiet(state); rest += 1) {
    if (rest > 20_000 || !take(rest * 2_654_435_761 >>> 0, true)) return done('it does not come to rest');
    const wrong = wrongIn(state, world);
    if (wrong !== null) return done(wrong);
  }
  return done(null);
}

const walks = fc.record({ gateways: fc.integer({ min: 8, max: 32 }), limit: fc.integer({ min: 5, max: 200 }), choices: fc.array(fc.nat(2 ** 31 - 1), { minLength: stepsPerWalk, maxLength: stepsPerWalk }) });

describe('leases of eight to thirty-two gateways at once, with clocks that lag, gateways that are killed, messages that come twice and answers that are lost', () => {
  it('never spend more than the budget, and everything unused comes back', () => {
    let [most, killed] = [0, 0];
    fc.assert(
      fc.property(walks, (one) => {
        const { wrong, way, holders, killed: dead } = walk(one);
        [most, killed] = [Math.max(most, holders), killed + dead];
        expect({ wrong, way: wrong === null ? [] : way }).toEqual({ wrong: null, way: [] });
      }),
      { numRuns: 60, seed: 20_260_103 },
    );
    // The walks are of what they are called.
    expect(most).toBeGreaterThanOrEqual(8);
    expect(killed).toBeGreaterThan(60);
  });

  it.each<PlantedFault>(['reclaims before the books have caught up', 'reclaims without grace', 'returns what open requests hold', 'books what comes twice', 'holder uses a lease to its end', 'uses what it has given up', 'counts what is given back twice', 'takes from a lease that has returned', 'gives back the hold of an admission that may have arrived', 'gives back what an end left before the end is durable'])(
    'would be found out in so many steps if they did wrong: %s',
    (fault) => {
      const found = fc.sample(walks, { numRuns: 60, seed: 20_260_103 }).some((one) => walk(one, fault).wrong !== null);
      expect(found).toBe(true);
    },
  );
});
