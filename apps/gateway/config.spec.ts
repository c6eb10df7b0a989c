import { describe, expect, it } from '@jest/globals';
import { limits } from '#protocol';
import { gatewayConfig } from './config.js';

const accepts = (placementWaitMs: number): boolean => gatewayConfig.safeParse({ KEY_PEPPER: 'sixteen characters', PLACEMENT_WAIT_MS: String(placementWaitMs) }).success;

describe('the wait for a machine', () => {
  it('ends while the money that was held for the job is still held', () => {
    const sendsMs = 2 * 3_000;
    const leftMs = limits.leaseTtlMs * (1 - limits.leaseUsableShare) + limits.leaseGraceMs - sendsMs;
    expect(accepts(Math.round(leftMs))).toBe(true);
    expect(accepts(Math.round(leftMs) + 1)).toBe(false);
  });
});
