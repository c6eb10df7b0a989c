import { failure } from '#protocol';

/** Payments a second that the chain is asked about: at six questions at most for each, as many as a public endpoint takes. */
export const paymentsPerSecond = 10;
/** That may come at once after a quiet time: three seconds' worth. */
export const paymentsBurst = 30;
/** Payments that are asked about at the same time: their questions are as many as this service asks at once elsewhere. */
const atOnceMax = 8;
/** Payments that wait for that: four turns of a second at most, below the call's ten. */
const waitingMax = 32;

/** Anybody may bring payments for nothing: how many of them may have the chain asked. */
export class ReadGate {
  private tokens = paymentsBurst;
  private filledAtMs: number | undefined;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly nowMs: () => number) {}

  /** Errors: RATE_LIMITED, with `details.retryAfterMs`, and those of `work`. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    this.take();
    if (this.running < atOnceMax) this.running += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      // A place goes from hand to hand.
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  private take(): void {
    const nowMs = this.nowMs();
    this.tokens = Math.min(paymentsBurst, this.tokens + ((nowMs - (this.filledAtMs ?? nowMs)) * paymentsPerSecond) / 1_000);
    this.filledAtMs = nowMs;
    if (this.tokens < 1 || this.waiting.length >= waitingMax) {
      throw failure('RATE_LIMITED', 'more payments are brought than can be looked at; send this one again shortly', { retryAfterMs: Math.ceil(((1 - Math.min(this.tokens, 0.9)) * 1_000) / paymentsPerSecond) });
    }
    this.tokens -= 1;
  }
}
