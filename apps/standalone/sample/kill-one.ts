import type { SampleApi } from './sample-api.js';
import { inParallel } from './sample-api.js';
import type { SampleNode } from './sample-context.js';
import type { SentMail } from './send-mail.js';
import { traceOf } from './trace.js';
import type { Trace } from './trace.js';

/** Recent answers that are looked at to see who is busy. */
const recentMax = 24;

export interface Killed {
  readonly node: SampleNode;
  /** Whether it was running personal data. */
  readonly personalData: boolean;
  readonly afterAnswers: number;
}

/** Kills (-9) the machine on which personal data runs now. Null when the policy leaves no other machine to take over. */
export async function killBusiest(api: SampleApi, nodes: readonly SampleNode[], sent: readonly SentMail[]): Promise<Killed | null> {
  const recent = sent.flatMap(({ outcome, record }) => (outcome === 'ok' && record !== null ? [record] : [])).slice(-recentMax);
  const busiest = busiestNode(await inParallel(recent, 8, (record) => traceOf(api, record)));
  const node = nodes.find(({ id }) => id === busiest?.node);
  if (!busiest || !node) return null;
  await node.kill();
  return { node, personalData: busiest.personalData, afterAnswers: sent.length };
}

/** The machine with most of the personal data (of any, if there is none) whose work another one may take over. */
export function busiestNode(traces: readonly Trace[]): { node: string; personalData: boolean } | undefined {
  const movable = traces.filter(({ ran, permittedOffers }) => ran !== null && permittedOffers > 1);
  const personalData = movable.some((trace) => trace.personalData);
  const counts = new Map<string, number>();
  for (const trace of movable) {
    if (trace.personalData === personalData && trace.ran) counts.set(trace.ran.node, (counts.get(trace.ran.node) ?? 0) + 1);
  }
  const node = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  return node === undefined ? undefined : { node, personalData };
}
