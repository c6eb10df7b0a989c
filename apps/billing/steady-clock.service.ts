import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '#kernel';

/**
 * The wall clock as it was at the start, carried on by the monotonic one. Holders count their leases on monotonic clocks: setting
 * the wall clock must neither end one early, which would lend its money twice, nor keep it for ever.
 */
@Injectable()
export class SteadyClock {
  /** What the wall clock said at the start: it may have been wrong, then or when an earlier process wrote its times down. */
  readonly startedAtMs: number;
  private readonly startedMonotonicMs: number;

  constructor(@Inject(Clock) private readonly clock: Clock) {
    this.startedAtMs = clock.nowMs();
    this.startedMonotonicMs = clock.monotonicMs();
  }

  nowMs(): number {
    return this.startedAtMs + Math.trunc(this.clock.monotonicMs() - this.startedMonotonicMs);
  }
}
