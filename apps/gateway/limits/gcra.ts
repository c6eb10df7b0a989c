import type { Share } from './share.js';

const minuteMs = 60_000;
/** What the rounding of many divisions may add up to: under two millionths of a minute. */
const roundingMs = 0.1;

/**
 * A rate per minute by the generic cell rate algorithm: one number, the theoretical arrival time at which all that was taken will have
 * been earned. A burst passes at once, then one every `60 s / rate`.
 */
export class Gcra {
  private arrivalMs = -Infinity;

  /**
   * Milliseconds until `cost` may be taken; 0 = now. A cost over the burst needs a bucket that is full, and leaves a debt that delays
   * what follows: the sustained rate holds all the same.
   */
  waitMs(nowMs: number, cost: number, { rate, burst }: Share): number {
    const toleranceMs = (Math.max(0, burst - cost) * minuteMs) / rate;
    const waitMs = this.arrivalMs - toleranceMs - nowMs;
    return waitMs < roundingMs ? 0 : waitMs;
  }

  take(nowMs: number, cost: number, { rate }: Share): void {
    this.arrivalMs = Math.max(this.arrivalMs, nowMs) + (cost * minuteMs) / rate;
  }

  /** What would pass at once now. */
  remaining(nowMs: number, { rate, burst }: Share): number {
    // A millionth forgives the rounding of the division.
    return Math.max(0, Math.floor(burst - (this.owedMs(nowMs) * rate) / minuteMs + 1e-6));
  }

  /** Milliseconds until the whole burst would pass again. */
  resetMs(nowMs: number): number {
    return this.owedMs(nowMs);
  }

  private owedMs(nowMs: number): number {
    return Math.max(0, this.arrivalMs - nowMs);
  }
}
