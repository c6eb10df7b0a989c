import { describe, expect, it } from '@jest/globals';
import { retryAfterMs } from './retry-after.js';

describe('when an engine wants to be asked again', () => {
  it.each([
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after-ms': '20', 'retry-after': '1' }, 20],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:09 GMT' }, 8_000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
    [{ 'retry-after': ['2', '5'] }, 2_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-1e99' }, undefined],
    [{}, undefined],
  ])('is read from %j', (headers, expected) => {
    expect(retryAfterMs(headers, 1_000)).toBe(expected);
  });
});
