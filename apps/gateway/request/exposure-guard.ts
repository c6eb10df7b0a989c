import type { Clock } from '#kernel';
import { failure } from '#protocol';
import type { Replicated } from '../replicated.js';

/** What ended longer than this before the books were read is in them: records reach the books within a second, and slowly at times. */
const bookedAfterMs = 10_000;

interface Account {
  openNanos: bigint;
  /** What ended lately, oldest first; it may be in the books or not. */
  readonly ended: { readonly atMs: number; readonly nanos: bigint }[];
}

/**
 * Takes no work that the payees could not be paid for: receipts that are not settled, this gateway's own open work and what may not be in
 * the books yet stay within the deposit that is not asked back. What other gateways have open shows when it is booked.
 */
export class ExposureGuard {
  private readonly accounts = new Map<string, Account>();

  constructor(
    private readonly exposures: Pick<Replicated['exposures'], 'get'>,
    private readonly clock: Clock,
    /** Whether an organisation that has no deposit is refused. */
    private readonly isRequired: boolean,
  ) {}

  /** Error: EXPOSURE_EXCEEDED when `amountNanos` more would be above the deposit. Work that costs nothing always may. */
  assertCovered(tenant: string, amountNanos: bigint): void {
    if (amountNanos === 0n) return;
    const entry = this.exposures.get(tenant);
    if (!entry) {
      if (this.isRequired) throw failure('EXPOSURE_EXCEEDED', 'this organisation has no deposit in the escrow from which its providers could be paid: name its payer and deposit');
      return;
    }
    const atRisk = entry.unsettledNanos + this.ownNanos(tenant, entry.atMs) + amountNanos;
    if (atRisk <= entry.usableNanos) return;
    throw failure('EXPOSURE_EXCEEDED', `the deposit of ${entry.payer} covers ${entry.usableNanos} nano-dollars, and with this request ${atRisk} would be owed: settle what is due, or deposit more`, {
      usableNanos: entry.usableNanos.toString(),
      unsettledNanos: entry.unsettledNanos.toString(),
      atRiskNanos: atRisk.toString(),
    });
  }

  opened(tenant: string, amountNanos: bigint): void {
    this.accountOf(tenant).openNanos += amountNanos;
  }

  ended(tenant: string, heldNanos: bigint, actualNanos: bigint): void {
    const account = this.accountOf(tenant);
    account.openNanos -= heldNanos;
    const atMs = this.clock.nowMs();
    const last = account.ended.at(-1);
    // One figure a second: the list stays short however many requests there are.
    if (last && last.atMs > atMs - 1_000) account.ended[account.ended.length - 1] = { atMs: last.atMs, nanos: last.nanos + actualNanos };
    else account.ended.push({ atMs, nanos: actualNanos });
  }

  private ownNanos(tenant: string, bookedAtMs: number): bigint {
    const account = this.accountOf(tenant);
    while (account.ended[0] && account.ended[0].atMs < bookedAtMs - bookedAfterMs) account.ended.shift();
    return account.ended.reduce((sum, { nanos }) => sum + nanos, account.openNanos);
  }

  private accountOf(tenant: string): Account {
    const known = this.accounts.get(tenant);
    if (known) return known;
    const fresh: Account = { openNanos: 0n, ended: [] };
    this.accounts.set(tenant, fresh);
    return fresh;
  }
}
