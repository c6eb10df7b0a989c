/** What a unit of gas may cost, in wei. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  /** The chain has no base fee (EIP-1559), so that the transaction is of type 0: both are its gas price. */
  readonly isLegacy?: true;
}

/** EIP-7825: no transaction above 2^24 gas. */
export const gasLimitMax = 2n ** 24n - 1n;

/** Fees that stay good for about six full blocks: the base fee rises at most 12.5 % a block, and 1.125⁶ ≈ 2. */
export function feesFor(baseFeePerGas: bigint, tip: bigint): Fees {
  return { maxFeePerGas: 2n * baseFeePerGas + tip, maxPriorityFeePerGas: tip };
}

/** Of a chain without a base fee. All of it is paid, so that nothing is added for later: what stays unmined is replaced. */
export function legacyFees(gasPrice: bigint): Fees {
  return { maxFeePerGas: gasPrice, maxPriorityFeePerGas: gasPrice, isLegacy: true };
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
  const maxFeePerGas = larger(raised(old.maxFeePerGas), present.maxFeePerGas);
  if (maxFeePerGas > maxFeeMax) return null;
  return present.isLegacy ? legacyFees(maxFeePerGas) : { maxFeePerGas, maxPriorityFeePerGas: larger(raised(old.maxPriorityFeePerGas), present.maxPriorityFeePerGas) };
}
