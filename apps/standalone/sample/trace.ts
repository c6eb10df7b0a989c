import { z } from 'zod';
import { attempt, dataClass, decisionFields, governanceCalls, nanos, uuid } from '#protocol';
import { eventually } from './sample-api.js';
import type { SampleApi } from './sample-api.js';

/** Where one request went and what it cost, as its record tells it. */
export interface Trace {
  readonly record: string;
  readonly dataClass: string;
  readonly personalData: boolean;
  /** How many offers the policy permitted. */
  readonly permittedOffers: number;
  /** Policies that refused it, with their reasons; empty when it ran. */
  readonly refusedBy: readonly { readonly id: string; readonly reason: string | null }[];
  /** Null when nothing ran. */
  readonly ran: { readonly node: string; readonly nodeName: string; readonly region: string; readonly pricePerMillionNanos: bigint; readonly chargeNanos: bigint } | null;
  readonly failedOver: boolean;
}

const decided = decisionFields.pick({ findings: true, policies: true, permittedOffers: true, decision: true }).extend({ dataClass });
const completed = z.object({
  node: uuid,
  outcome: z.enum(['ok', 'failed', 'cancelled']),
  chargeNanos: nanos,
  attempts: z.array(attempt),
  machine: z.object({ name: z.string(), region: z.string() }),
  price: z.object({ inputNanosPerMillion: nanos }),
});

type Record = z.output<typeof governanceCalls.getRecord.reply>;

/** Reads a request's record until all of it is in the log. Error: when it does not arrive. */
export function traceOf(api: SampleApi, record: string): Promise<Trace> {
  return eventually(`record ${record}`, async () => toTrace(await api.get(`/v1/records/${record}`, governanceCalls.getRecord.reply)));
}

/** Undefined while the record is not complete. */
export function toTrace({ id, entries }: Record): Trace | undefined {
  const fields = (type: string): unknown => entries.find((entry) => entry.type === type)?.body?.fields;
  const refusal = fields('refused');
  const decision = decided.safeParse(refusal ?? fields('admitted')).data;
  const end = completed.safeParse(fields('completed')).data;
  if (!decision || (refusal === undefined && !end)) return undefined;
  return {
    record: id,
    dataClass: decision.dataClass,
    personalData: decision.findings.length > 0,
    permittedOffers: decision.permittedOffers,
    refusedBy: refusal === undefined ? [] : decision.policies,
    ran: end?.outcome === 'ok' ? { node: end.node, nodeName: end.machine.name, region: end.machine.region, pricePerMillionNanos: end.price.inputNanosPerMillion, chargeNanos: end.chargeNanos } : null,
    failedOver: end?.outcome === 'ok' && end.attempts.some(({ outcome }) => outcome !== 'ok'),
  };
}
