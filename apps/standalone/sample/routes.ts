import type { Trace } from './trace.js';

/** One row of the table: a data class on a machine at a price. */
export interface Route {
  readonly dataClass: string;
  readonly node: string;
  readonly region: string;
  readonly pricePerMillionNanos: bigint;
  readonly count: number;
  readonly chargedNanos: bigint;
}

/** Where each class ran, most requests first. */
export function routesOf(traces: readonly Trace[]): Route[] {
  const routes = new Map<string, Route>();
  for (const { dataClass, ran } of traces) {
    if (!ran) continue;
    const key = JSON.stringify([dataClass, ran.node, ran.pricePerMillionNanos.toString()]);
    const known = routes.get(key) ?? { dataClass, node: ran.nodeName, region: ran.region, pricePerMillionNanos: ran.pricePerMillionNanos, count: 0, chargedNanos: 0n };
    routes.set(key, { ...known, count: known.count + 1, chargedNanos: known.chargedNanos + ran.chargeNanos });
  }
  return [...routes.values()].sort((a, b) => a.dataClass.localeCompare(b.dataClass) || b.count - a.count);
}

/** Which policies refused how many requests; a request refused by two counts for both. */
export function refusalsOf(traces: readonly Trace[]): { policy: string; reason: string; count: number }[] {
  const refusals = new Map<string, { policy: string; reason: string; count: number }>();
  for (const { id, reason } of traces.flatMap(({ refusedBy }) => refusedBy)) {
    const known = refusals.get(id) ?? { policy: id, reason: reason ?? '', count: 0 };
    refusals.set(id, { ...known, count: known.count + 1 });
  }
  return [...refusals.values()].sort((a, b) => b.count - a.count);
}

/**
 * Routes that the job was to take and did not, in words; empty when the run was complete. The plan follows from the
 * policy in force and from what was killed, so that another policy has another plan.
 */
export function emptyRoutes(plan: { refusesSenders: boolean; killed: { node: string; personalData: boolean } | null }, traces: readonly Trace[]): string[] {
  const ran = traces.filter((trace) => trace.ran !== null);
  const routes: [string, boolean][] = [
    ['mail with personal data', ran.some(({ personalData }) => personalData)],
    ['mail without personal data', ran.some(({ personalData }) => !personalData)],
  ];
  if (plan.refusesSenders) routes.push(['mail of refused senders', traces.some(({ refusedBy }) => refusedBy.length > 0)]);
  const { killed } = plan;
  if (killed) {
    const likewise = ran.filter(({ personalData }) => personalData === killed.personalData);
    routes.push(['the machine that was killed', likewise.some((trace) => trace.ran?.node === killed.node)]);
    routes.push(['the machine that took over', likewise.some((trace) => trace.ran?.node !== killed.node)]);
    routes.push(['failover', ran.some(({ failedOver }) => failedOver)]);
  }
  return routes.filter(([, taken]) => !taken).map(([name]) => name);
}
