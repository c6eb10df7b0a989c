import type { FeedAnswer } from '#chain';
import { formatNanos } from '#kernel';
import { atPar, failure, ratio } from '#protocol';
import type { ConversionRate } from '#protocol';
import type { FixedSetting, OracleSetting } from './rate-setting.js';

const nanosPerUsd = 1_000_000_000n;
/** How far a feed's clock may be ahead of ours. */
const aheadMs = 60_000;

/** What a unit of the escrow is: so many base units of a token with so many decimals. */
export interface EscrowUnit {
  readonly unit: bigint;
  readonly decimals: number;
}

/** Nobody said what the token is worth: then it is a dollar. */
export function parRate(of: EscrowUnit, nowMs: number): ConversionRate {
  return { ...ratio(nanosPerUsd * of.unit, 10n ** BigInt(of.decimals)), source: atPar, readAtMs: nowMs };
}

export function fixedRate({ usdPerToken, reason, date }: FixedSetting, of: EscrowUnit, nowMs: number): ConversionRate {
  return { ...ratio(usdPerToken * of.unit, 10n ** BigInt(of.decimals)), source: { kind: 'fixed', usdPerToken: formatNanos(usdPerToken), reason, date }, readAtMs: nowMs };
}

/**
 * The rate that a feed's answer gives, exactly. Error: RATE_UNUSABLE (`details`: what the feed said) when it is stale, incomplete, of the future, not
 * positive or out of bounds.
 */
export function oracleRate(setting: OracleSetting, answered: FeedAnswer, block: number, of: EscrowUnit, nowMs: number): ConversionRate {
  const { description, decimals, round, answer, updatedAt } = answered;
  const updatedAtMs = Number(updatedAt) * 1_000;
  const refuse = (why: string): never => {
    const details = { feed: setting.feed, round: round.toString(), answer: answer.toString(), decimals, updatedAtMs, block };
    throw failure('RATE_UNUSABLE', `the price feed ${setting.feed} (${description}) ${why}: no statement is drawn until it is right again, or SETTLEMENT_RATES names another source`, details);
  };
  if (updatedAt === 0n) refuse(`has not completed round ${round}`);
  if (updatedAtMs > nowMs + aheadMs) refuse(`says that it answered at ${new Date(updatedAtMs).toISOString()}, which is to come`);
  if (nowMs - updatedAtMs > setting.staleSeconds * 1_000) refuse(`answered last at ${new Date(updatedAtMs).toISOString()}, more than ${setting.staleSeconds} seconds ago`);
  if (answer <= 0n) refuse(`answered ${answer}`);
  // Compared without dividing: nothing is rounded into the bounds.
  const scale = 10n ** BigInt(decimals);
  if (answer * nanosPerUsd < setting.minUsd * scale || answer * nanosPerUsd > setting.maxUsd * scale) {
    refuse(`answered ${answer} with ${decimals} places, outside ${formatNanos(setting.minUsd)} to ${formatNanos(setting.maxUsd)} dollars`);
  }
  return {
    ...ratio(answer * nanosPerUsd * of.unit, scale * 10n ** BigInt(of.decimals)),
    source: { kind: 'oracle', feed: setting.feed, description, round: round.toString(), answer: answer.toString(), decimals, updatedAtMs, block },
    readAtMs: nowMs,
  };
}
