import type { Clock } from '#kernel';

/** Shares are kept in ten-thousandths, so that they add up exactly. */
const whole = 10_000;
/** A project that was not heard of for this long begins anew. */
const forgottenMs = 3_600_000;

/** How many of a project's requests may be asked twice: never more than its share of those that it made here, from the first one on. */
export class HedgeShares {
  private readonly earned = new Map<string, { parts: number; atMs: number }>();

  constructor(private readonly clock: Clock) {}

  /** A request that could be asked twice. */
  count(project: string, maxShare: number): void {
    const nowMs = this.clock.monotonicMs();
    const before = this.earned.get(project)?.parts ?? 0;
    this.earned.delete(project);
    // Quiet times are not saved up: two at once at most.
    this.earned.set(project, { parts: Math.min(2 * whole, before + Math.floor(maxShare * whole)), atMs: nowMs });
    for (const [quiet, { atMs }] of this.earned) {
      if (nowMs - atMs < forgottenMs) return;
      this.earned.delete(quiet);
    }
  }

  /** Whether one more may be asked twice; it is counted. */
  spend(project: string): boolean {
    const account = this.earned.get(project);
    if (account === undefined || account.parts < whole) return false;
    account.parts -= whole;
    return true;
  }
}

/** What an attempt has of its race. */
export interface Lane {
  readonly signal: AbortSignal;
  /** Told how long its machine usually takes at most; `undefined`: not known, so no second one. */
  placed(usuallyMs: number | undefined): void;
  /** Wins before its end: the other one is aborted, and this one's answer or error is what counts. False when the other has won. */
  take(): boolean;
}

/** One of two attempts. */
export type Attempted<T> = (lane: Lane) => Promise<T>;

/**
 * The answer of whichever of two comes first. The second begins when the first takes longer than its machine usually does, if `may` allows
 * it then; the slower one is aborted. Error: the winner's, or the first's when there is no second that succeeds.
 */
export function firstOfTwo<T>(first: Attempted<T>, second: Attempted<T>, may: () => boolean, lost: () => Error): Promise<T> {
  const controllers = [new AbortController(), new AbortController()] as const;
  return new Promise<T>((resolve, reject) => {
    const failed: unknown[] = [];
    let begun = 0;
    let winner: 0 | 1 | undefined;
    let timer: NodeJS.Timeout | undefined;
    const take = (which: 0 | 1): boolean => {
      if (winner !== undefined) return winner === which;
      winner = which;
      clearTimeout(timer);
      controllers[which === 0 ? 1 : 0].abort(lost());
      return true;
    };
    const run = (attempt: Attempted<T>, which: 0 | 1): void => {
      begun += 1;
      attempt({ signal: controllers[which].signal, placed: which === 0 ? wait : () => undefined, take: () => take(which) }).then(
        // One that took too long to be told that it had lost has its own answer, which is nobody's.
        (answer) => (take(which) ? resolve(answer) : undefined),
        (error: unknown) => {
          if (which === 0) clearTimeout(timer);
          failed[which] = error;
          const told = failed[winner ?? 0] ?? error;
          if (which === winner || Object.keys(failed).length === begun) reject(told instanceof Error ? told : new Error(String(told)));
        },
      );
    };
    const wait = (usuallyMs: number | undefined): void => {
      if (usuallyMs !== undefined) timer = setTimeout(() => winner === undefined && may() && run(second, 1), usuallyMs);
    };
    run(first, 0);
  });
}
