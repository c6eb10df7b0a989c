import type { InvoiceLine } from '#protocol';
import { fromUsd, toMinor } from './rounding.js';

/** What a group of charges used and cost: one meter at one price, in dollars. */
export interface UsageGroup {
  readonly project: string;
  readonly model: string;
  readonly endpoint: string;
  readonly meter: 'input' | 'output' | 'difference';
  /** Of usage from before the period that came late: the month it is from, `2026-01`. */
  readonly lateMonth: string | null;
  readonly tokens: bigint;
  readonly nanosPerMillion: bigint;
  readonly amountNanos: bigint;
}

/** A line of 200 bytes: 400 of them are 80 KB, and ten pages. */
export const linesMax = 400;
const perMillion = 1_000_000n;

/** Lines in the invoice's currency, each net rounded to hundredths. With too many prices or projects, coarser lines without a unit price. */
export function invoiceLines(groups: readonly UsageGroup[], nanosPerUsd: bigint): InvoiceLine[] {
  const fine = groups.filter(({ tokens, amountNanos }) => tokens > 0n || amountNanos !== 0n);
  if (fine.length <= linesMax) return fine.map((group, index) => lineOf(group, index + 1, nanosPerUsd));
  const byModel = summed(fine, ({ project, model }) => `${project}: ${model}`);
  const byProject = byModel.size <= linesMax ? byModel : summed(fine, ({ project }) => project);
  const coarse = byProject.size <= linesMax ? byProject : summed(fine, () => 'all projects');
  return [...coarse].map(([name, usdNanos], index) => lumpSum(index + 1, `Inference, ${name}`, 'input and output tokens, all prices together', usdNanos, nanosPerUsd));
}

function lineOf(group: UsageGroup, id: number, nanosPerUsd: bigint): InvoiceLine {
  const name = `${group.model}: ${group.meter === 'difference' ? 'charged beside usage × price' : `${group.meter} tokens`}`;
  const detail = [`project ${group.project}`, group.endpoint, ...(group.lateMonth === null ? [] : [`late usage of ${group.lateMonth}`])].filter((part) => part !== '').join(', ');
  if (group.meter === 'difference') return lumpSum(id, name, detail, group.amountNanos, nanosPerUsd);
  return { id, name, detail, quantity: group.tokens, per: perMillion, priceNanos: fromUsd(group.nanosPerMillion, nanosPerUsd), netMinor: toMinor(fromUsd(group.amountNanos, nanosPerUsd)) };
}

/** A price is never negative: what is taken back is a quantity of −1. */
function lumpSum(id: number, name: string, detail: string, usdNanos: bigint, nanosPerUsd: bigint): InvoiceLine {
  const nanos = fromUsd(usdNanos, nanosPerUsd);
  return { id, name, detail, quantity: nanos < 0n ? -1n : 1n, per: 1n, priceNanos: nanos < 0n ? -nanos : nanos, netMinor: toMinor(nanos) };
}

function summed(groups: readonly UsageGroup[], keyOf: (group: UsageGroup) => string): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const group of groups) sums.set(keyOf(group), (sums.get(keyOf(group)) ?? 0n) + group.amountNanos);
  return sums;
}
