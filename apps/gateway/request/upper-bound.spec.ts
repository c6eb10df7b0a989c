import { describe, expect, it } from '@jest/globals';
import { checkUsage, isWithin } from './upper-bound.js';

describe('the bound of a job', () => {
  it('is exceeded only by usage that is not believed', () => {
    expect(() => checkUsage({ inputTokens: 11, outputTokens: 0 }, { inputTokens: 10, outputTokens: 0 })).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
    expect(() => checkUsage({ inputTokens: 1, outputTokens: 1 }, { inputTokens: 10, outputTokens: 0 })).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
  });

  it('is one for each meter: what was not asked for cannot have been used', () => {
    const bound = { inputTokens: 10, outputTokens: 0, meters: { images: 2 } };
    const refused = (meters: object): boolean => !isWithin({ inputTokens: 5, outputTokens: 0, meters }, bound);
    expect([{ images: 2 }, { images: 3 }, { audio_ms: 1 }, { gpu_ms: 1 }, { cached_tokens: 5 }, { cached_tokens: 6 }, { images: 0, frames: 0 }].map(refused)).toEqual([false, true, true, true, false, true, false]);
  });
});
