import { Gcra } from './gcra.js';
import type { Share } from './share.js';

/** What this gateway counts for one organisation, project or key that has limits. */
export class Counters {
  readonly requests = new Gcra();
  readonly tokens = new Gcra();
  inFlight = 0;
  /** Tokens that running requests may still use, by their upper bounds. They earn nothing while they are held. */
  heldTokens = 0;

  /** Milliseconds until `tokens` may be reserved beside what is held; 0 = now. */
  tokensWaitMs(nowMs: number, tokens: number, share: Share): number {
    const waitMs = this.tokens.waitMs(nowMs, tokens + this.heldTokens, share);
    // Over the burst only alone: what is held must end first.
    if (this.heldTokens > 0 && tokens + this.heldTokens > share.burst) return Math.max(waitMs, heldAgainMs);
    return waitMs;
  }

  remainingTokens(nowMs: number, share: Share): number {
    return Math.max(0, this.tokens.remaining(nowMs, share) - this.heldTokens);
  }
}

/** When running requests end is not known: ask again about when a short one would have. */
const heldAgainMs = 1_000;
