import { Circuit } from './circuit.js';
import type { Outcomes } from './outliers.js';

/** Weight of the newest latency in the average. */
const newestShare = 0.2;
/** Latencies that are remembered, and how many must be to say what is usual. */
const latenciesMax = 128;
const latenciesMin = 20;
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
  private readonly latencies: number[] = [];
  private next = 0;
  private ok = 0;
  private failed = 0;

  constructor(readonly model: string) {}

  isResting(nowMs: number): boolean {
    return nowMs < this.restUntilMs;
  }

  /** Within how many milliseconds 95 of 100 jobs have ended lately; `undefined` while that is not known. */
  usuallyMs(): number | undefined {
    if (this.latencies.length < latenciesMin) return undefined;
    return [...this.latencies].sort((a, b) => a - b)[Math.ceil(this.latencies.length * 0.95) - 1];
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
        this.latencies[this.next] = tookMs;
        this.next = (this.next + 1) % latenciesMax;
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
