/** Weight of the newest latency in the average. */
const newestShare = 0.2;
/** Rest after a failure: until the next heartbeats tell whether the machine lives. */
const failedRestMs = 2_000;
/** Rest after a refusal for lack of room: about the time of a few short jobs. */
const busyRestMs = 100;

/** What this gateway knows of an offer from using it. */
export class OfferLoad {
  inFlight = 0;
  /** Exponentially weighted average of successful jobs; 0 until there was one, so that new machines are tried. */
  latencyMs = 0;
  private restUntilMs = -Infinity;

  isResting(nowMs: number): boolean {
    return nowMs < this.restUntilMs;
  }

  ended(outcome: 'ok' | 'busy' | 'failed' | 'cancelled', startedAtMs: number, endedAtMs: number): void {
    switch (outcome) {
      case 'ok': {
        const tookMs = endedAtMs - startedAtMs;
        this.latencyMs = this.latencyMs === 0 ? tookMs : this.latencyMs + (tookMs - this.latencyMs) * newestShare;
        this.restUntilMs = -Infinity;
        return;
      }
      case 'busy':
        this.restUntilMs = endedAtMs + busyRestMs;
        return;
      case 'failed':
        this.restUntilMs = endedAtMs + failedRestMs;
        return;
      case 'cancelled':
        return;
    }
  }
}
