import { describe, expect, it } from '@jest/globals';
import { median, row, table } from './rows.js';
import { stepMicros } from './steps.js';

describe('a row of the benchmark', () => {
  it.each([
    [0.6, { atLeast: 0.6 }, true],
    [0.5999, { atLeast: 0.6 }, false],
    [0.5, { atMost: 0.5 }, true],
    [0.5001, { atMost: 0.5 }, false],
    [NaN, { atMost: 0.5 }, false],
    [NaN, { atLeast: 0.5 }, false],
  ])('says of %p with the goal %p: %p', (value, goal, holds) => expect(row('a', value, goal).holds).toBe(holds));

  it('shows a missed goal as missed', () => {
    expect(table([row('added p50', 0.71234, { atMost: 0.5 }, ' ms')])).toContain('| added p50 | 0.7123 | ≤ 0.5 ms | missed |');
  });
});

describe('the figures of several rounds', () => {
  it('are their median, whatever one round was like', () => {
    expect(median([5, 1, 900, 4, 3])).toBe(4);
    expect(median([10, 9, 1, 2])).toBe(5.5);
  });

  it('take the mean of a step between two readings', () => {
    const before = { sums: new Map([['decide', 1]]), counts: new Map([['decide', 100]]) };
    const after = { sums: new Map([['decide', 1.01], ['relay', 0]]), counts: new Map([['decide', 300], ['relay', 0]]) };
    expect(stepMicros(before, after)).toEqual({ decide: 50 });
  });
});
