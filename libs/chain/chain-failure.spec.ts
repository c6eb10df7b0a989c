import { describe, expect, it } from '@jest/globals';
import { isDomainError } from '#kernel';
import { chainFailure } from './chain-failure.js';

/** As ethers wraps what a node says. */
const said = (code: number, message: string): Error => Object.assign(new Error('could not coalesce error'), { code: 'UNKNOWN_ERROR', error: { code, message } });
const codeOf = (error: unknown): string => {
  const failed = chainFailure(error);
  return isDomainError(failed) ? failed.code : 'none';
};

describe('what a node answers', () => {
  it.each([
    [-32_005, 'limit exceeded'],
    [429, 'Your app has exceeded its compute units per second capacity'],
    [-32_000, 'rate limit exceeded'],
    [-32_000, 'request rate exceeded'],
    [-32_600, 'Too Many Requests'],
    [-32_000, 'execution aborted (timeout = 5s)'],
    [-32_000, 'request timed out'],
    [-32_000, 'header not found'],
    [-32_001, 'upstream temporarily unavailable'],
  ])('%i %s says nothing of the chain: it is asked again', (code, message) => {
    expect(codeOf(said(code, message))).toBe('CHAIN_UNAVAILABLE');
  });

  it.each([
    [-32_000, 'insufficient funds for gas * price + value'],
    [-32_000, 'exceeds block gas limit'],
    [-32_000, 'transaction underpriced'],
    [3, 'execution reverted: EpochStale'],
    [3, 'execution reverted: rate limit exceeded'],
    [-32_000, 'gas required exceeds allowance (30000000)'],
    [-32_000, 'nonce too low'],
  ])('%i %s is a refusal', (code, message) => {
    expect(codeOf(said(code, message))).toBe('CHAIN_REJECTED');
  });
});
