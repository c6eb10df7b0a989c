import type { Clock } from '#kernel';
import { failure } from '#protocol';
import type { Standing } from '../limits/share.js';
import type { Replicated } from '../replicated.js';

/** What ended longer than this before the books were read is in them: records reach the books within a second, and slowly at times. */
const bookedAfterMs = 10_000;

interface Account {
  openNanos: bigint;
  /** What ended lately, oldest first; it may be in the books or not. */
  readonly ended: { readonly atMs: number; readonly nanos: bigint }[];
}

/**
 * Takes no work that the payees could not be paid for. What of the deposit is free, not asked back and not owed by what the books say, is divided among the gateways that live: this
 * one's open work, and what of it may not be in the books yet, stay within its share. What other gateways have open shows when it is booked.
 */
export class ExposureGuard {
  private readonly accounts = new Map<string, Account>();

  constructor(
    private readonly exposures: Pick<Replicated['exposures'], 'get'>,
    private readonly clock: Clock,
    /** Whether an organisation that has no deposit is refused. */
    private readonly isRequired: boolean,
    private readonly gateways: { standing(): Pick<Standing, 'gateways'> },
  ) {}

  /** Error: EXPOSURE_EXCEEDED when `amountNanos` more would be above this gateway's share of what is free. Work that costs nothing always may. */
  assertCovered(tenant: string, amountNanos: bigint): void {
    if (amountNanos === 0n) return;
    const entry = this.exposures.get(tenant);
    if (!entry) {
      if (this.isRequired) throw failure('EXPOSURE_EXCEEDED', 'this organisation has no deposit in the escrow from which its providers could be paid: name its payer and deposit');
      return;
    }
    const openNanos = this.ownNanos(tenant, entry.atMs) + amountNanos;
    const { gateways } = this.gateways.standing();
    if (openNanos * BigInt(gateways) <= entry.usableNanos - entry.unsettledNanos) return;
    const { payer, usableNanos, unsettledNanos } = entry;
    const atRisk = unsettledNanos + openNanos;
    const more = gateways === 1 ? `${atRisk} would be owed` : `${openNanos} would be open here beside the ${unsettledNanos} that are owed: more than this gateway's share, one in ${gateways}, of what is free`;
    throw failure('EXPOSURE_EXCEEDED', `the deposit of ${payer} covers ${usableNanos} nano-dollars, and with this request ${more}; settle what is due, or deposit more`, {
      usableNanos: usableNanos.toString(),
      unsettledNanos: unsettledNanos.toString(),
      atRiskNanos: atRisk.toString(),
      gateways,
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
