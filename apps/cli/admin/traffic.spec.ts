import { describe, expect, it } from '@jest/globals';
import { trafficLimits } from '#protocol';
import { limitsOf } from './traffic.js';

describe('limits of the command line', () => {
  it('are those that the API takes, and none where an option is left out', () => {
    const given = limitsOf({ requests: '60', models: 'a, b', spend: '2.5/day' });
    expect(trafficLimits.parse(given)).toEqual({ ...trafficLimits.parse({}), requestsPerMinute: 60, models: ['a', 'b'], spend: { limitNanos: 2_500_000_000n, period: 'day' } });
    expect(trafficLimits.parse(limitsOf({}))).toEqual(trafficLimits.parse({}));
  });

  it('name the model, the cosine and the time of similar questions', () => {
    expect(trafficLimits.parse(limitsOf({ similar: 'mizan/embed/0.97/600' })).semanticCache).toEqual({ model: 'mizan/embed', minSimilarity: 0.97, seconds: 600 });
    expect(() => limitsOf({ similar: 'embed' })).toThrow('0.97');
    expect(trafficLimits.safeParse(limitsOf({ similar: 'embed/0.5/600' })).success).toBe(false);
  });

  it('say what a spend looks like', () => {
    expect(() => limitsOf({ spend: '20' })).toThrow('20/day');
    expect(trafficLimits.safeParse(limitsOf({ spend: '20/year' })).success).toBe(false);
    expect(trafficLimits.safeParse(limitsOf({ requests: 'many' })).success).toBe(false);
  });
});
