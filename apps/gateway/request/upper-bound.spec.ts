import { describe, expect, it } from '@jest/globals';
import { checkUsage } from './upper-bound.js';

describe('the bound of a job', () => {
  it('is exceeded only by usage that is not believed', () => {
    expect(() => checkUsage({ inputTokens: 11, outputTokens: 0 }, { inputTokens: 10, outputTokens: 0 })).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
    expect(() => checkUsage({ inputTokens: 1, outputTokens: 1 }, { inputTokens: 10, outputTokens: 0 })).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
  });
});
