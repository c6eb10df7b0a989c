import { describe, expect, it } from '@jest/globals';
import { afterLoss } from './after-loss.js';

const times = { rerunMs: 45_000, closedAfterMs: 180_000 };
const job = { claimedAtMs: 1_000_000, leaseUntilMs: 1_015_000, reason: null };

describe('a job whose gateway went silent', () => {
  it('runs again at once under its record while the books cannot have closed it', () => {
    for (const books of ['unknown', 'open'] as const) expect(afterLoss(job, books, 1_040_000, times)).toBe('same-record');
  });

  it('waits for the books when they may be about to close it, or do not answer', () => {
    for (const books of ['unknown', 'open'] as const) expect(afterLoss(job, books, 1_060_000, times)).toBe('wait');
    expect(afterLoss(job, 'silent', 1_001_000, times)).toBe('wait');
    expect(afterLoss({ ...job, reason: 'unsure' }, 'open', 1_001_000, times)).toBe('wait');
    expect(afterLoss(job, 'open', 9_000_000, times)).toBe('wait');
  });

  it('runs under a new record when the old one ended without a charge, and never when it was charged', () => {
    for (const nowMs of [1_001_000, 9_000_000]) {
      expect(afterLoss(job, 'ended-free', nowMs, times)).toBe('new-record');
      expect(afterLoss(job, 'charged', nowMs, times)).toBe('give-up');
    }
  });

  it('runs again when nothing was ever admitted', () => {
    expect(afterLoss(job, 'unknown', 1_015_000 + 180_000 + 30_001, times)).toBe('same-record');
  });
});
