import { feesFor, legacyFees } from '../fees.js';
import type { Fees } from '../fees.js';
import type { FeeRules } from './chain-rules.js';

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Fees for six full blocks to come, at or above the chain's floors. All in wei. */
export function feesUnder(rules: FeeRules, baseFeePerGas: bigint, tip: bigint): Fees {
  const fees = feesFor(baseFeePerGas, larger(tip, rules.tipWeiMin));
  return { ...fees, maxFeePerGas: larger(fees.maxFeePerGas, rules.feeWeiMin) };
}

/** The gas price of a chain without a base fee, at or above its floors. In wei. */
export function legacyFeesUnder({ tipWeiMin, feeWeiMin }: FeeRules, gasPrice: bigint): Fees {
  return legacyFees(larger(gasPrice, larger(tipWeiMin, feeWeiMin)));
}
