import type { AdmittedFacts } from '#protocol';
import type { TestNode } from './records-harness.js';

export interface ModelLease {
  readonly id: string;
  readonly gateway: string;
  readonly fence: number;
  /** Less what was given up. */
  granted: bigint;
  remaining: bigint;
  open: boolean;
  /** Handed in: it closes when the next lease is looked for in vain, or at the next sweep. */
  due: boolean;
}

export interface ModelAdmission {
  readonly facts: AdmittedFacts;
  readonly lease: ModelLease;
  /** As its prices were when it was let in. */
  readonly node: TestNode;
  /** Of a token, then. */
  readonly price: bigint;
  /** Whether its `admitted` has been delivered; its end may come first. */
  heard: boolean;
  /** What a closed lease kept for it. */
  kept: bigint;
  ended: { readonly amount: bigint; readonly tokens: number } | undefined;
  /** What it really used, as somebody said last. */
  corrected: number | undefined;
  /** Of what its machine earned. */
  held: { readonly amount: bigint; readonly releaseAtMs: number; state: 'held' | 'released' | 'forfeited' } | undefined;
  forfeited: bigint;
}

/** What is kept back of all that is earned from now on. */
export interface ModelRule {
  readonly basisPoints: number;
  readonly holdMs: number;
}

const hourMs = 3_600_000;
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** One tenant's books as anybody would keep them in memory: no database, no batches, no accounts. */
export class ModelBooks {
  leases: ModelLease[] = [];
  admissions: ModelAdmission[] = [];
  drawn = 0n;

  constructor(public limit: bigint) {}

  get spent(): bigint {
    return this.admissions.reduce((sum, { ended }) => sum + (ended?.amount ?? 0n), 0n);
  }
  /** What is owed more, or less, than the charges. */
  get corrections(): bigint {
    return this.admissions.reduce((sum, { ended, corrected, price }) => sum + (ended === undefined || corrected === undefined ? 0n : BigInt(corrected) * price - ended.amount), 0n);
  }
  get held(): bigint {
    return this.admissions.reduce((sum, { held }) => sum + (held?.state === 'held' ? held.amount : 0n), 0n);
  }
  get forfeited(): bigint {
    return this.admissions.reduce((sum, one) => sum + one.forfeited, 0n);
  }
  get payable(): bigint {
    return this.spent - this.held - this.forfeited - this.drawn;
  }
  get leased(): bigint {
    return this.leases.reduce((sum, { remaining }) => sum + remaining, 0n);
  }
  get available(): bigint {
    return this.limit - this.spent - this.leased;
  }

  /** The first end of a record is its charge: paid by its lease as far as that reaches, else by what is available. */
  end(admission: ModelAdmission, amount: bigint, tokens: number, rule: ModelRule, nowMs: number): void {
    if (admission.ended !== undefined) return;
    const heldAmount = (amount * BigInt(rule.basisPoints)) / 10_000n;
    if (heldAmount > 0n) admission.held = { amount: heldAmount, releaseAtMs: nowMs + rule.holdMs, state: 'held' };
    const { lease } = admission;
    lease.remaining -= least(amount, lease.open ? lease.remaining : least(admission.kept, lease.remaining));
    admission.kept = 0n;
    admission.ended = { amount, tokens };
    // A closed lease keeps what its other records may need, and no more.
    if (!lease.open) lease.remaining = least(lease.remaining, this.admissions.reduce((sum, one) => sum + (one.lease === lease ? one.kept : 0n), 0n));
  }

  /** A holder says that it uses no more than so much; answers what comes back. */
  giveUp(lease: ModelLease, usedMax: bigint): bigint {
    const back = lease.open && usedMax < lease.granted ? least(lease.granted - usedMax, lease.remaining) : 0n;
    lease.granted -= back;
    lease.remaining -= back;
    return back;
  }

  /** `false`: less than nothing would be owed for it. */
  correct(admission: ModelAdmission, tokens: number): boolean {
    if (BigInt(tokens) * admission.price < admission.forfeited) return false;
    admission.corrected = tokens;
    return true;
  }

  /** Ends what is held of an admission, once: `false` when it has ended the other way. */
  decide(admission: ModelAdmission, passed: boolean): boolean {
    const { held, ended, corrected, price } = admission;
    if (held!.state !== 'held') return (held!.state === 'released') === passed;
    held!.state = passed ? 'released' : 'forfeited';
    if (!passed) admission.forfeited = least(held!.amount, corrected === undefined ? ended!.amount : BigInt(corrected) * price);
    return true;
  }

  /** Nobody said otherwise in time. */
  releaseHeld(nowMs: number): void {
    for (const { held } of this.admissions) if (held?.state === 'held' && held.releaseAtMs <= nowMs) held.state = 'released';
  }

  /** Leases that are due go back, less the holds of admissions that are known and have not ended. */
  close(): void {
    for (const lease of this.leases.filter(({ open, due }) => open && due)) {
      lease.open = false;
      const holders = this.admissions.filter((one) => one.lease === lease && one.heard && one.ended === undefined);
      for (const holder of holders) holder.kept = holder.facts.holdNanos;
      lease.remaining = least(lease.remaining, holders.reduce((sum, { kept }) => sum + kept, 0n));
    }
  }

  /** `hour key` → [requests, tokens, nanos]. The key is known once the admission has been heard of. */
  usage(completedAtMs: (facts: AdmittedFacts) => number): Map<string, [number, number, bigint]> {
    const sums = new Map<string, [number, number, bigint]>();
    for (const { facts, heard, ended, corrected, price } of this.admissions) {
      if (ended === undefined) continue;
      const atMs = completedAtMs(facts);
      const key = `${atMs - (atMs % hourMs)} ${heard ? facts.keyId : null}`;
      const [requests, tokens, nanos] = sums.get(key) ?? [0, 0, 0n];
      sums.set(key, [requests + 1, tokens + (corrected ?? ended.tokens), nanos + (corrected === undefined ? ended.amount : BigInt(corrected) * price)]);
    }
    return sums;
  }
}
