import { Circuit } from './circuit.js';
import type { Outcomes } from './outliers.js';
import { RecentTimes } from './recent-times.js';

/** Weight of the newest latency in the average. */
const newestShare = 0.2;
/** Rest after a failure: until the next heartbeats tell whether the machine lives. */
const failedRestMs = 2_000;
/** Rest after a refusal for lack of room: about the time of a few short jobs. */
const busyRestMs = 100;
/** An engine's word keeps its machine out for no longer than an open circuit would. */
const coolMsMax = 300_000;

/** What this gateway knows of an offer from using it. */
export class OfferLoad {
  inFlight = 0;
  /** Exponentially weighted average of successful jobs; 0 until there was one. */
  latencyMs = 0;
  readonly circuit = new Circuit();
  private restUntilMs = -Infinity;
  private coolUntilMs = -Infinity;
  /** Of jobs that ended well; of streams, to their first event. */
  readonly whole = new RecentTimes();
  readonly firsts = new RecentTimes();
  private ok = 0;
  private failed = 0;

  constructor(readonly model: string) {}

  isResting(nowMs: number): boolean {
    return nowMs < this.restUntilMs;
  }

  /** Milliseconds until its engine wants to be asked again; 0 = now. */
  coolingMs(nowMs: number): number {
    return Math.max(0, this.coolUntilMs - nowMs);
  }

  /** Its engine has said that it takes nothing for so long. */
  cool(forMs: number, nowMs: number): void {
    this.coolUntilMs = Math.max(this.coolUntilMs, nowMs + Math.min(forMs, coolMsMax));
  }

  ended(outcome: 'ok' | 'busy' | 'failed' | 'cancelled', startedAtMs: number, endedAtMs: number): void {
    switch (outcome) {
      case 'ok': {
        const tookMs = endedAtMs - startedAtMs;
        this.latencyMs = this.latencyMs === 0 ? tookMs : this.latencyMs + (tookMs - this.latencyMs) * newestShare;
        this.restUntilMs = -Infinity;
        this.ok += 1;
        this.whole.add(tookMs);
        return;
      }
      case 'busy':
        this.restUntilMs = endedAtMs + busyRestMs;
        return;
      case 'failed':
        this.restUntilMs = endedAtMs + failedRestMs;
        this.failed += 1;
        return;
      case 'cancelled':
        return;
    }
  }

  /** Successes and failures since the last asking. */
  takeOutcomes(offer: string): Outcomes {
    const { ok, failed } = this;
    [this.ok, this.failed] = [0, 0];
    return { offer, ok, failed };
  }
}
