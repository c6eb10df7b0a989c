/** Failures in a row that open the circuit: with less, a rest is enough. */
const failuresToOpen = 5;
/** How long it stays open the first time; each further time adds as much, up to the most. */
const openMs = 30_000;
const openMsMax = 300_000;
/** A machine that has done well for this long starts anew. */
const forgivenAfterMs = 300_000;

/**
 * A machine's circuit breaker. Closed: work flows. Open, after failures in a row or an ejection: none does. Half-open, once its time is
 * over: one probe at a time, whose end closes or opens it.
 */
export class Circuit {
  private failures = 0;
  private openings = 0;
  private openUntilMs: number | undefined;
  private closedAtMs = -Infinity;
  private isProbing = false;

  state(nowMs: number): 'closed' | 'open' | 'half-open' {
    if (this.openUntilMs === undefined) return 'closed';
    return nowMs < this.openUntilMs || this.isProbing ? 'open' : 'half-open';
  }

  /** Whether a probe may go before its time: when nobody else is left, and none is under way. */
  mayProbe(): boolean {
    return !this.isProbing;
  }

  /** A job goes to the machine; while the circuit is not closed it is the probe. Returns whether it is. */
  begin(): boolean {
    if (this.openUntilMs === undefined) return false;
    this.isProbing = true;
    return true;
  }

  /** A job ended. `busy` is an answer: the machine lives. A cancelled job says nothing. */
  ended(outcome: 'ok' | 'busy' | 'failed' | 'cancelled', wasProbe: boolean, nowMs: number): void {
    if (wasProbe) this.isProbing = false;
    switch (outcome) {
      case 'ok':
      case 'busy':
        this.failures = 0;
        // Only the probe closes it: jobs from before the opening may still end well.
        if (wasProbe) this.close(nowMs);
        return;
      case 'failed':
        this.failures += 1;
        if (wasProbe || (this.openUntilMs === undefined && this.failures >= failuresToOpen)) this.open(nowMs);
        return;
      case 'cancelled':
        return;
    }
  }

  /** Opens it for `openMs` × the times it has opened. */
  open(nowMs: number): void {
    if (this.openUntilMs === undefined && nowMs - this.closedAtMs > forgivenAfterMs) this.openings = 0;
    this.openings += 1;
    this.openUntilMs = nowMs + Math.min(openMs * this.openings, openMsMax);
  }

  private close(nowMs: number): void {
    this.openUntilMs = undefined;
    this.closedAtMs = nowMs;
  }
}
