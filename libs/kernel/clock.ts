/** Time comes in as a parameter, so that rules can be tested at any moment. */
export abstract class Clock {
  /** Wall-clock milliseconds since the Unix epoch. */
  abstract nowMs(): number;
  /** Monotonic milliseconds: never jumps back; only differences mean anything. */
  abstract monotonicMs(): number;
}

export class SystemClock extends Clock {
  nowMs(): number {
    return Date.now();
  }
  monotonicMs(): number {
    return performance.now();
  }
}
