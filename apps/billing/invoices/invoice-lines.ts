import { meterPer, meterUnits } from '#kernel';
import type { Meter } from '#kernel';
import type { InvoiceLine } from '#protocol';
import { fromUsd, nanosPerMinor, toMinor } from './rounding.js';

/** What a group of charges used and cost: one meter at one price, in dollars. */
export interface UsageGroup {
  readonly project: string;
  readonly model: string;
  readonly endpoint: string;
  /** `credit`: no usage; the model is what it is for. `term`: neither, of an agreement or a credit. */
  readonly meter: Meter | 'difference' | 'credit' | 'term';
  /** Of usage from before the period that came late: the month it is from, `2026-01`. */
  readonly lateMonth: string | null;
  /** As the meter counts; its price is for `meterPer` of it. */
  readonly quantity: bigint;
  readonly priceNanos: bigint;
  readonly amountNanos: bigint;
}

/** A line of 200 bytes: 400 of them are 80 KB, and ten pages. */
export const linesMax = 400;

/**
 * Lines in the invoice's currency, each net rounded to hundredths. With too many prices or projects, coarser lines without a unit price.
 * Where something is taken off, what rounding made is taken off with it: the lines add up to the rounded whole, which is never negative unless the usage is.
 */
export function invoiceLines(groups: readonly UsageGroup[], nanosPerUsd: bigint): InvoiceLine[] {
  const usdNanos = groups.reduce((sum, { amountNanos }) => sum + amountNanos, 0n);
  return balanced(roundedLines(groups, nanosPerUsd), toMinor(fromUsd(usdNanos, nanosPerUsd)));
}

/** Without a line that takes something off the sum is as it is: it cannot be below zero. */
function balanced(lines: InvoiceLine[], wholeMinor: bigint): InvoiceLine[] {
  const restMinor = lines.reduce((rest, { netMinor }) => rest - netMinor, wholeMinor);
  const least = lines.reduce<InvoiceLine | undefined>((found, line) => (found === undefined || line.netMinor < found.netMinor ? line : found), undefined);
  if (restMinor === 0n || least === undefined || least.netMinor >= 0n) return lines;
  const netMinor = least.netMinor + restMinor;
  const adjusted = { ...least, quantity: netMinor < 0n ? -1n : 1n, per: 1n, priceNanos: (netMinor < 0n ? -netMinor : netMinor) * nanosPerMinor, netMinor };
  return lines.map((line) => (line === least ? adjusted : line));
}

function roundedLines(groups: readonly UsageGroup[], nanosPerUsd: bigint): InvoiceLine[] {
  const fine = groups.filter(({ quantity, amountNanos }) => quantity > 0n || amountNanos !== 0n);
  if (fine.length <= linesMax) return fine.map((group, index) => lineOf(group, index + 1, nanosPerUsd));
  // Of terms there are a few; they are never part of a sum.
  const terms = fine.filter(({ meter }) => meter === 'term');
  const usage = fine.filter(({ meter }) => meter !== 'term');
  const usageMax = linesMax - terms.length;
  const byModel = summed(usage, ({ project, model }) => `${project}: ${model}`);
  const byProject = byModel.size <= usageMax ? byModel : summed(usage, ({ project }) => project);
  const coarse = byProject.size <= usageMax ? byProject : summed(usage, () => 'all projects');
  const lines = [...coarse].map(([name, usdNanos], index) => lumpSum(index + 1, `Inference, ${name}`, 'all meters and prices together', usdNanos, nanosPerUsd));
  return [...lines, ...terms.map((term, index) => lineOf(term, lines.length + index + 1, nanosPerUsd))];
}

function lineOf(group: UsageGroup, id: number, nanosPerUsd: bigint): InvoiceLine {
  if (group.meter === 'credit' || group.meter === 'term') return lumpSum(id, group.model, group.endpoint, group.amountNanos, nanosPerUsd);
  const detail = usageDetail(group.project, group.endpoint, group.lateMonth);
  if (group.meter === 'difference') return lumpSum(id, `${group.model}: charged beside usage × price`, detail, group.amountNanos, nanosPerUsd);
  const { title, counted } = meterUnits[group.meter];
  const name = `${group.model}: ${title}${title.endsWith(counted) ? '' : ` (${counted})`}`;
  return { id, name, detail, quantity: group.quantity, per: meterPer(group.meter), priceNanos: fromUsd(group.priceNanos, nanosPerUsd), netMinor: toMinor(fromUsd(group.amountNanos, nanosPerUsd)) };
}

/** What the line of an invoice says its usage is of. */
export function usageDetail(project: string, endpoint: string, lateMonth: string | null): string {
  return [`project ${project}`, endpoint, ...(lateMonth === null ? [] : [`late usage of ${lateMonth}`])].filter((part) => part !== '').join(', ');
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
