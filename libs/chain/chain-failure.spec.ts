import { describe, expect, it } from '@jest/globals';
import { isDomainError } from '#kernel';
import { chainFailure, isKnownMessage, isMethodMissing } from './chain-failure.js';
import { isSaid } from './endpoint.js';

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
    expect(isSaid({ id: 1, error: { code, message } })).toBe(true);
  });

  it.each([
    [-32_601, 'the method eth_maxPriorityFeePerGas does not exist/is not available'],
    [-32_601, 'Method not found'],
    [-32_000, 'rpc method is not whitelisted'],
    [-32_004, 'eth_maxPriorityFeePerGas'],
    [-32_600, 'Unsupported method: eth_gasPrice'],
  ])('%i %s says nothing of the chain, but that the node lacks the method', (code, message) => {
    expect(isMethodMissing(said(code, message))).toBe(true);
    expect(isSaid({ id: 1, error: { code, message } })).toBe(false);
  });

  it.each([
    ['already known', true],
    ['ALREADY_EXISTS: already known', true],
    ['AlreadyKnown', true],
    ['transaction already imported', true],
    ['known transaction: 0xab', true],
    ['nonce too low: next nonce 5, tx nonce 4', true],
    ['unknown transaction type', false],
    ['transaction type not supported', false],
    ['unknown account', false],
  ])('%s: whether it has the bytes is %s', (message, isKnown) => {
    expect(isKnownMessage(message)).toBe(isKnown);
  });
});
