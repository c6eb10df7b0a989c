import { createHash } from 'node:crypto';
import { canonicalJson, machineMeters, measuredMeters } from '#kernel';
import type { MeterPrices, MeterQuantities, Nanos } from '#kernel';
import { chargeOf } from '#protocol';
import type { NewCorrection, Usage } from '#protocol';
import { corrections, receivable } from '../ledger/chart-of-accounts.js';
import { move, namedByCaller, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';

/** A request as the books have it before a correction. */
export interface BilledRequest {
  /** With the corrections so far. */
  readonly usage: Usage;
  readonly amountNanos: Nanos;
  /** With what else was credited of it. */
  readonly owedNanos: Nanos;
}

/** What a correction changes. */
export interface Difference {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of meters that differ. */
  readonly meters: MeterQuantities;
  readonly amountNanos: Nanos;
}

/** By the price version of the charge. What used nothing costs nothing: no fee for the request either. Error: AMOUNT_OVERFLOW. */
export function differenceOf(before: BilledRequest, usage: Usage, price: MeterPrices): Difference {
  const meters = measuredMeters.map((meter) => [meter, (usage.meters?.[meter] ?? 0) - (before.usage.meters?.[meter] ?? 0)] as const).filter(([, quantity]) => quantity !== 0);
  return {
    inputTokens: usage.inputTokens - before.usage.inputTokens,
    outputTokens: usage.outputTokens - before.usage.outputTokens,
    meters: Object.fromEntries(meters),
    amountNanos: chargeOf(usage, isNothing(usage) ? { ...price, requestNanos: undefined } : price) - before.amountNanos,
  };
}

/** No machine did anything: also of an answer that was given again. */
const isNothing = ({ inputTokens, outputTokens, meters = {} }: Usage): boolean => inputTokens + outputTokens === 0 && machineMeters.every((meter) => (meters[meter] ?? 0) === 0);

/** Between the organisation and the deployment: what the machine earned stays as it is. */
export const correctionTransfer = (id: string, tenant: string, amountNanos: Nanos): Transfer => transfer(namedByCaller('usage.correct', id), 'usage.correct', tenant, move(corrections, receivable(tenant), amountNanos));

/** SHA-256, hex, of what was asked: the same id with another hash is another correction. */
export const correctionHash = (tenant: string, { record, usage, reason }: NewCorrection): string => createHash('sha256').update(canonicalJson({ tenant, record, usage, reason })).digest('hex');
