import type { Clock } from '#kernel';

/** Time in which a change of demand is two thirds learnt. */
const timeConstantMs = 2_000;

/** A project's rate of spend through this gateway: exponentially weighted, so that leases are bought for what is used now. */
export class DemandMeter {
  private rate = 0;
  private sinceMs: number;

  constructor(private readonly clock: Clock) {
    this.sinceMs = clock.monotonicMs();
  }

  spent(amountNanos: bigint): void {
    this.decay();
    this.rate += Number(amountNanos) / (timeConstantMs / 1_000);
  }

  nanosPerSecond(): bigint {
    this.decay();
    return BigInt(Math.round(this.rate));
  }

  private decay(): void {
    const nowMs = this.clock.monotonicMs();
    this.rate *= Math.exp(-(nowMs - this.sinceMs) / timeConstantMs);
    this.sinceMs = nowMs;
  }
}
