/** A wallet where sales are paid, on a chain and in a token. */
export interface Wallet {
  readonly id: number;
  /** EIP-55. */
  readonly address: string;
  readonly token: string;
  readonly nextBlock: number;
  readonly lastHash: string | null;
  /** Null until it is known. */
  readonly opening: bigint | null;
  readonly carry: bigint;
  readonly agreedBlock: number;
}

/** What a final block moved; base units, below zero when it left. */
export interface Movement {
  readonly blockHash: string;
  readonly tx: string;
  readonly logIndex: number;
  readonly blockNumber: number;
  readonly counterparty: string;
  readonly amount: bigint;
}

export interface WalletTransfer extends Movement {
  readonly wallet: number;
  readonly state: 'open' | 'sale' | 'other';
  readonly payment: string | null;
  readonly tenant: string | null;
  /** As told to the books; null of what is not told. */
  readonly units: bigint | null;
  readonly toldBlock: number | null;
}

/** Whole units of `amount` beside what was left over before, rounded down, and what is left over now: however it is cut, all units and what is left sum to all amounts. */
export function wholeUnits(amount: bigint, carry: bigint, unit: bigint): { units: bigint; carry: bigint } {
  const total = amount + carry;
  const units = total >= 0n ? total / unit : -((-total + unit - 1n) / unit);
  return { units, carry: total - units * unit };
}
