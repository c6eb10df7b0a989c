/** EIP-1559 fees in wei. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** EIP-7825: no transaction above 2^24 gas. */
export const gasLimitMax = 2n ** 24n - 1n;

/** Fees that stay good for about six full blocks: the base fee rises at most 12.5 % a block, and 1.125⁶ ≈ 2. */
export function feesFor(baseFeePerGas: bigint, tip: bigint): Fees {
  return { maxFeePerGas: 2n * baseFeePerGas + tip, maxPriorityFeePerGas: tip };
}

/** A fifth above the estimate, for state that moved meanwhile. */
export function gasLimitFor(estimate: bigint): bigint {
  const limit = estimate + estimate / 5n + 1n;
  return limit < gasLimitMax ? limit : gasLimitMax;
}

const raised = (fee: bigint): bigint => (fee * 1_125n + 999n) / 1_000n;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/**
 * Fees with which a transaction of the same nonce replaces `old`: nodes ask 10 % more on both; this gives 12.5 % or the
 * present fees, rounded up. Null if that passes `maxFeeMax`.
 */
export function replacementFees(old: Fees, present: Fees, maxFeeMax: bigint): Fees | null {
  const fees = {
    maxFeePerGas: larger(raised(old.maxFeePerGas), present.maxFeePerGas),
    maxPriorityFeePerGas: larger(raised(old.maxPriorityFeePerGas), present.maxPriorityFeePerGas),
  };
  return fees.maxFeePerGas > maxFeeMax ? null : fees;
}
