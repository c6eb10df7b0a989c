import type { Clock } from '#kernel';

/** A fifth more attempts than requests, as Envoy's default. Accounts are kept in fifths: whole numbers. */
const retry = 5;
const perRequest = 1;
/** What an organisation that asks little may retry all the same: ten at once, one a second. */
const reserve = 10 * retry;
const reservePerSecond = 1 * retry;
/** A quiet hour does not pay for a storm. */
const balanceMax = 100 * retry;
/** An organisation that was not heard of for this long has its reserve again: nothing to remember. */
const forgottenMs = 600_000;

interface Account {
  balance: number;
  atMs: number;
}

/**
 * How often work is tried again, over all requests of an organisation: when machines fail one after the other, clients repeat, each repeat
 * tries several machines and several models, and the product would bury what still works. Every attempt after a request's first costs one;
 * each request earns a fifth, a client's own repeat nothing.
 */
export class RetryBudget {
  private readonly accounts = new Map<string, Account>();

  constructor(private readonly clock: Clock) {}

  /** A request begins. `isRepeat`: its client says that it asked before. */
  earn(tenant: string, isRepeat: boolean): void {
    const account = this.accountOf(tenant);
    if (!isRepeat) account.balance = Math.min(balanceMax, account.balance + perRequest);
  }

  /** Whether one more attempt may be made; it is counted. */
  spend(tenant: string): boolean {
    const account = this.accountOf(tenant);
    if (account.balance < retry) return false;
    account.balance -= retry;
    return true;
  }

  private accountOf(tenant: string): Account {
    const nowMs = this.clock.monotonicMs();
    const account = this.accounts.get(tenant) ?? { balance: reserve, atMs: nowMs };
    if (account.balance < reserve) account.balance = Math.min(reserve, account.balance + ((nowMs - account.atMs) / 1_000) * reservePerSecond);
    account.atMs = nowMs;
    // Last in the order of use.
    this.accounts.delete(tenant);
    this.accounts.set(tenant, account);
    for (const [quiet, { atMs }] of this.accounts) {
      if (nowMs - atMs < forgottenMs) break;
      this.accounts.delete(quiet);
    }
    return account;
  }
}
