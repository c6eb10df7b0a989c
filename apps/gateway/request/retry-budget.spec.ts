import { beforeEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '../examples.js';
import { RetryBudget } from './retry-budget.js';

describe('the retry budget', () => {
  let clock: ManualClock;
  let budget: RetryBudget;
  beforeEach(() => {
    clock = new ManualClock();
    budget = new RetryBudget(clock);
  });
  const spent = (tenant: string, tries: number): number => Array.from({ length: tries }, () => budget.spend(tenant)).filter(Boolean).length;

  it('lets an organisation that asks little retry ten times, then once a second', () => {
    expect(spent('a', 20)).toBe(10);
    clock.ms += 3_000;
    expect(spent('a', 20)).toBe(3);
  });

  it('earns one retry with five requests, and none with what a client repeats', () => {
    spent('a', 20);
    for (let request = 0; request < 50; request += 1) budget.earn('a', false);
    expect(spent('a', 50)).toBe(10);
    for (let request = 0; request < 50; request += 1) budget.earn('a', true);
    expect(spent('a', 50)).toBe(0);
  });

  it('saves no more than a hundred for bad times', () => {
    for (let request = 0; request < 10_000; request += 1) budget.earn('a', false);
    expect(spent('a', 1_000)).toBe(100);
  });

  it("is each organisation's own", () => {
    spent('a', 20);
    expect(spent('b', 20)).toBe(10);
  });
});
