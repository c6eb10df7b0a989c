import type { SettlementConfig } from '../config.js';
import type { TransactionPurpose } from './transaction.js';

export type GasLimits = Pick<SettlementConfig, 'SETTLEMENT_GAS_WEI_PER_DAY' | 'X402_GAS_PERCENT'>;

/** What gas cost in 24 hours, and may cost at most where it is not known yet, in wei: of everything, and of buyers' payments alone. */
export interface GasSpent {
  readonly allWei: bigint;
  readonly x402Wei: bigint;
}

/** With one that may cost so much more. */
export const spentAfter = ({ allWei, x402Wei }: GasSpent, purpose: TransactionPurpose, costWei: bigint): GasSpent => ({ allWei: allWei + costWei, x402Wei: purpose === 'x402' ? x402Wei + costWei : x402Wei });

/** Which limit would be passed if this cost so much more; null: none. Who is paid may use all that is left; buyers' payments, which anybody can cause, use no more than their share of the whole. */
export function beyondGas(purpose: TransactionPurpose, spent: GasSpent, costWei: bigint, { SETTLEMENT_GAS_WEI_PER_DAY: dayWei, X402_GAS_PERCENT: percent }: GasLimits): string | null {
  const { allWei, x402Wei } = spentAfter(spent, purpose, costWei);
  if (allWei > dayWei) return `gas of the last 24 hours is ${spent.allWei} wei, and this may cost ${costWei}: above SETTLEMENT_GAS_WEI_PER_DAY`;
  if (purpose === 'x402' && x402Wei * 100n > dayWei * BigInt(percent)) return `gas of the last 24 hours for payments by x402 is ${spent.x402Wei} wei, and this may cost ${costWei}: above X402_GAS_PERCENT of SETTLEMENT_GAS_WEI_PER_DAY`;
  return null;
}
