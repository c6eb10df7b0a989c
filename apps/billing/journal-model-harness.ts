export interface ModelReservation {
  readonly id: string;
  readonly toBank: boolean;
  readonly amount: bigint;
  readonly expiresAtMs: number;
  state: 'pending' | 'posted' | 'voided' | 'expired';
  posted: bigint;
}

/** Two accounts of the deployment's as anybody would keep them in memory: a bank, never below nothing, and a loan without bounds. */
export class ModelJournal {
  readonly reservations: ModelReservation[] = [];

  /** Of the bank, debits positive; the loan's is its negative. */
  get balance(): bigint {
    return this.reservations.reduce((sum, { toBank, posted }) => sum + (toBank ? posted : -posted), 0n);
  }
  /** Set aside to be debited to the bank, or credited. */
  reserved(toBank: boolean): bigint {
    return this.reservations.reduce((sum, one) => sum + (one.state === 'pending' && one.toBank === toBank ? one.amount : 0n), 0n);
  }

  /** `false`: it might leave less than nothing in the bank. */
  reserve(id: string, toBank: boolean, amount: bigint, expiresAtMs: number): boolean {
    if (!toBank && this.balance - this.reserved(false) < amount) return false;
    this.reservations.push({ id, toBank, amount, expiresAtMs, state: 'pending', posted: 0n });
    return true;
  }

  expire(nowMs: number): void {
    for (const one of this.reservations) if (one.state === 'pending' && one.expiresAtMs <= nowMs) one.state = 'expired';
  }
}
