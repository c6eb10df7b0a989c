import { describe, expect, it } from '@jest/globals';
import { begin, isQuiet, stepsOf, wrongIn } from './lease-model-harness.js';
import type { PlantedFault, State, World } from './lease-model-harness.js';


const short = { repeats: 1, ticks: 4 };

/** Walks every state that can be reached. Answers how many there are, and the shortest way to one that may not be. */
function search(world: World, fault?: PlantedFault): { states: number; quiet: number; wrong?: string; way?: string[] } {
  const first = begin(world);
  const seen = new Map<string, { from: string | null; by: string }>([[JSON.stringify(first), { from: null, by: '' }]]);
  const queue: State[] = [first];
  let quiet = 0;
  for (let at = 0; at < queue.length; at += 1) {
    const key = JSON.stringify(queue[at]);
    for (const [by, step] of stepsOf(queue[at]!, world, fault)) {
      const next = step();
      const nextKey = JSON.stringify(next);
      if (seen.has(nextKey)) continue;
      seen.set(nextKey, { from: key, by });
      queue.push(next);
      const found = wrongIn(next, world);
      if (found !== null) return { states: seen.size, quiet, wrong: found, way: wayTo(nextKey, seen) };
      if (isQuiet(next)) quiet += 1;
    }
  }
  return { states: seen.size, quiet };
}

function wayTo(key: string, seen: ReadonlyMap<string, { from: string | null; by: string }>): string[] {
  const way: string[] = [];
  for (let at: string | null = key; at !== null; ) {
    const step: { from: string | null; by: string } = seen.get(at)!;
    if (step.from !== null) way.unshift(step.by);
    at = step.from;
  }
  return way;
}

describe('the lease protocol, in every order of steps, with clocks that lag, gateways that are killed, messages that come twice, records whose fate is unknown, and recalls that are answered late, twice or never', () => {
  it.each<[string, World]>([
    ['two gateways and a budget of one', { limit: 1, gateways: 2, requests: 1, leases: 2, recalls: 1, ...short }],
    ['one gateway with two requests', { limit: 2, gateways: 1, requests: 2, leases: 1, recalls: 2, ...short }],
    ['a lease for two requests, of which one is recalled', { limit: 4, gateways: 1, requests: 2, leases: 1, recalls: 2, ...short }],
  ])('never spends more than the budget, and everything unused comes back: %s', (_name, world) => {
    const { states, quiet, wrong, way } = search(world);
    expect({ wrong, way }).toEqual({ wrong: undefined, way: undefined });
    expect(quiet).toBeGreaterThan(10);
    expect(states).toBeGreaterThan(1_000);
  });

  it.each<[PlantedFault, string]>([
    ['reclaims before the books have caught up', 'late_lease_usage'],
    ['reclaims without grace', 'late_lease_usage'],
    ['returns what open requests hold', 'late_lease_usage'],
    ['books what comes twice', 'spent is not what the requests cost'],
    ['holder counts its time from the answer', 'late_lease_usage'],
    ['holder uses a lease to its end', 'late_lease_usage'],
    ['gives up what its requests hold', 'lease_overrun'],
    ['uses what it has given up', 'lease_overrun'],
    ['counts what is given back twice', 'lease_overrun'],
    ['takes from a lease that has returned', 'late_lease_usage'],
    ['gives back the hold of an admission that may have arrived', 'lease_overrun'],
    ['gives back what an end left before the end is durable', 'lease_overrun'],
  ])('would be found out if it did wrong: %s', (fault, expected) => {
    const { wrong, way } = search({ limit: 4, gateways: 1, requests: 2, leases: 1, recalls: 2, ...short }, fault);
    expect(wrong).toBe(expected);
    expect(way!.length).toBeGreaterThan(3);
  });
});
