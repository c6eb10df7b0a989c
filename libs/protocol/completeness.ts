import { z } from 'zod';
import { decisionNumber, decisionTypes, uncountedMs } from './decision-counts.js';
import { defineCall } from './define.js';
import { reader } from './governance.js';
import { limits } from './limits.js';
import { nanos, pageRequest, timeMs, uuid } from './scalars.js';

/** Decisions of one page: each is opened, with its end, in 0.4 ms; a row is 400 bytes. */
export const decisionsPerPageMax = 200;
/** Counts of one page: of 4,096 decisions each they are 5 × 88 KiB, and a message is 1 MiB. */
export const countsPerPageMax = 100;
export const countBytesPerPageMax = 450_000;
/** Decisions that one answer of sums takes in; the next one goes on where it ended. */
export const decisionsPerSumMax = 2_000;

const index = z.int().nonnegative();

/** A decision of an organisation's in the log: its number, the entry that counted it, and how its request ended. */
export const loggedDecision = z.object({
  index,
  record: uuid,
  type: z.enum(decisionTypes),
  timeMs,
  /** An end and a charge follow: it was admitted, or its answer was given again at a price. */
  isPaid: z.boolean(),
  /** Null in records of older gateways, and where the body does not open any more. */
  number: decisionNumber.nullable(),
  /** The entry that counted the number: `confirmed` false: whether its record arrived was not known then. `other`: it has another record under the number. */
  count: z.object({ index, confirmed: z.boolean(), other: uuid.nullable() }).nullable(),
  /** Of several ends the first one counts. `chargeNanos` null: its body does not open any more. */
  end: z.object({ index, type: z.enum(['completed', 'voided']), timeMs, chargeNanos: nanos.nullable() }).nullable(),
});
export type LoggedDecision = z.output<typeof loggedDecision>;

/** A count of a gateway's decisions, or the end of a run that went silent, with what of it the log lacks. Public, all of it. */
export const loggedCount = z.object({
  index,
  record: uuid,
  type: z.enum(['decisions.counted', 'run.closed']),
  timeMs,
  /** Base64 of the exact hashed bytes. */
  envelope: z.base64(),
  /** As the envelope commits to them, under a secret of zeros. */
  fields: z.record(z.string(), z.json()),
  /** Decisions that it counts as recorded and of which the log has no entry; whose they were nobody can say. */
  missing: z.array(z.object({ number: z.int().positive(), record: uuid })),
  /** Of the asking organisation: how many of the decisions are its own. Of others nothing is told. */
  own: z.int().nonnegative(),
});
export type LoggedCount = z.output<typeof loggedCount>;

/** What the books posted for one record, and where it was invoiced. */
export const postedCharge = z.object({
  record: uuid,
  chargedAtMs: timeMs,
  amountNanos: nanos,
  outcome: z.string(),
  /** The issued invoice that took it in. */
  invoice: z.object({ id: uuid, number: z.string() }).nullable(),
  /** An issued invoice that its time is of, where it is in none: the invoice lacks it, and the next one takes it in as late usage. */
  lackedBy: z.string().nullable(),
  /** The lines of the invoice that it is in begin with the name and have the detail, but where there are so many that they are put together. */
  line: z.object({ name: z.string(), detail: z.string() }),
});
export type PostedCharge = z.output<typeof postedCharge>;

/** With whether the log has the end of the request that it is for. */
export const comparedCharge = postedCharge.extend({ recorded: z.boolean() });

/** What an invoice says it is for, and what the books have in it. */
export const invoicedSum = z.object({
  id: uuid,
  number: z.string().nullable(),
  periodFromMs: timeMs,
  periodToMs: timeMs,
  /** By the frozen document, in dollars; null while it is a draft. */
  usageNanos: nanos.nullable(),
  charges: z.int().nonnegative(),
  chargesNanos: nanos,
  /** Credits and corrections, and what an agreement adds or takes off. */
  adjustmentsNanos: nanos,
  termsNanos: nanos,
});
export type InvoicedSum = z.output<typeof invoicedSum>;

export const decisionStates = [
  /** Nothing ran, or an answer was given again for nothing: there is nothing to pay. */
  'refused',
  'reused',
  /** Not ended, or ended and not booked, and not for longer than that takes. */
  'open',
  /** The same for longer: a request without an end, an end without a charge. */
  'end_missing',
  'charge_missing',
  /** Ended by the books, since its gateway died. */
  'voided',
  /** Booked, to be in the next invoice; in an issued one. */
  'charged',
  'invoiced',
  /** Booked, in no invoice, though that of its period was issued. */
  'not_invoiced',
  /** The books charged another amount than the sealed record says. */
  'charge_differs',
] as const;
export type DecisionState = (typeof decisionStates)[number];

export const countStates = [
  'counted',
  /** Counted as one whose record may not have arrived; it has. */
  'unconfirmed',
  'not_yet',
  /** No gateway has counted it, and it had the time. */
  'missing',
  /** The number was counted for another record. */
  'other_record',
  /** Its number is not known: its body is gone, or its gateway was of a release before numbers. */
  'unnumbered',
] as const;
export type CountState = (typeof countStates)[number];

/** What is not as it should be. */
export const openQuestions: ReadonlySet<DecisionState | CountState> = new Set<DecisionState | CountState>(['end_missing', 'charge_missing', 'not_invoiced', 'charge_differs', 'missing', 'other_record']);

/** The longest request, the books' grace and a sweep, and a busy hour. */
export const endPatienceMs = limits.streamDeadlineMs + 3_600_000;
/** Books that are behind the stream by more than this are late. */
export const chargePatienceMs = 3_600_000;
const countPatienceMs = 5 * uncountedMs;

/** Whether a decision is followed by an end and a charge; `fields`: of its body. What cannot be read is taken for none but an admission. */
export const isPaidDecision = (type: string, fields: Readonly<Record<string, unknown>> | null | undefined): boolean => type === 'admitted' || (type === 'reused' && !['0', undefined].includes(fields?.['chargeNanos'] as string | undefined));

/** What became of a decision; `charge`: what the books say of it. */
export function decisionState({ type, isPaid, timeMs: decidedAtMs, end }: Pick<LoggedDecision, 'type' | 'isPaid' | 'timeMs' | 'end'>, charge: Pick<PostedCharge, 'amountNanos' | 'invoice' | 'lackedBy'> | undefined, nowMs: number): DecisionState {
  if (!isPaid && type !== 'admitted') return type;
  if (end === null) return nowMs - decidedAtMs > endPatienceMs ? 'end_missing' : 'open';
  if (charge === undefined) return nowMs - end.timeMs > chargePatienceMs ? 'charge_missing' : 'open';
  if (end.chargeNanos !== null && end.chargeNanos !== charge.amountNanos) return 'charge_differs';
  if (charge.invoice === null && charge.lackedBy !== null) return 'not_invoiced';
  if (end.type === 'voided' && charge.amountNanos === 0n) return 'voided';
  return charge.invoice === null ? 'charged' : 'invoiced';
}

export function countState({ timeMs: decidedAtMs, number, count }: Pick<LoggedDecision, 'timeMs' | 'number' | 'count'>, nowMs: number): CountState {
  if (number === null) return 'unnumbered';
  if (count === null) return nowMs - decidedAtMs > countPatienceMs ? 'missing' : 'not_yet';
  if (count.other !== null) return 'other_record';
  return count.confirmed ? 'counted' : 'unconfirmed';
}

/** A decision with everything that accounts for it. */
export const accountedDecision = loggedDecision.extend({ state: z.enum(decisionStates), counted: z.enum(countStates), charge: postedCharge.nullable() });
export type AccountedDecision = z.output<typeof accountedDecision>;

const amounts = z.object({ decisions: z.int().nonnegative(), chargeNanos: nanos });

/** An organisation's part of what one start of a gateway decided. */
export const runSum = z.object({ gateway: z.string(), run: uuid, decisions: z.int().positive(), firstNumber: z.int().positive(), lastNumber: z.int().positive() });

/** Every decision of a period, by what became of it. Sums of several answers are added up. */
export const completenessSum = z.object({
  tenant: uuid,
  fromMs: timeMs,
  toMs: timeMs,
  /** Size of the log that was read. */
  logSize: z.int().nonnegative(),
  decisions: z.int().nonnegative(),
  states: z.partialRecord(z.enum(decisionStates), amounts),
  counted: z.partialRecord(z.enum(countStates), z.int().nonnegative()),
  runs: z.array(runSum),
  /** What does not add up, as far as these decisions go. */
  questions: z.array(accountedDecision),
  /** With the last answer: invoices whose period touches this one. */
  invoices: z.array(invoicedSum.extend({ addsUp: z.boolean() })),
  /** Where to go on: index of the last entry that was read; null: that was all. */
  next: index.nullable(),
});
export type CompletenessSum = z.output<typeof completenessSum>;

/** Whether what is in an issued invoice is what it says. */
export const addsUp = ({ usageNanos, chargesNanos, adjustmentsNanos, termsNanos }: InvoicedSum): boolean => usageNanos === null || usageNanos === chargesNanos + adjustmentsNanos + termsNanos;

const period = { fromMs: timeMs, toMs: timeMs };

export const completenessCalls = {
  /** Decisions of a period in the order of the log; `after` is an index. Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  decisions: defineCall('governance', 'completeness.decisions', {
    request: z.object({ tenant: uuid, ...period, after: index.nullable(), limit: z.int().min(1).max(decisionsPerPageMax), reader: reader.optional() }),
    reply: z.object({ data: z.array(loggedDecision), next: index.nullable(), logSize: z.int().nonnegative() }),
    timeoutMs: 10_000,
  }),
  /** Counts in the order of the log, of all gateways. */
  counts: defineCall('governance', 'completeness.counts', {
    request: z.object({ tenant: uuid.nullable(), after: index.nullable(), limit: z.int().min(1).max(countsPerPageMax) }),
    reply: z.object({ data: z.array(loggedCount), next: index.nullable() }),
    timeoutMs: 10_000,
  }),
  /** Of these records, those that have a charge. */
  chargesOf: defineCall('billing', 'charges.of', { request: z.object({ tenant: uuid, records: z.array(uuid).max(decisionsPerPageMax) }), reply: z.object({ data: z.array(postedCharge) }) }),
  /** Charges of a period by time; `after` is `<chargedAtMs>:<record>`. Error: REQUEST_INVALID. */
  charges: defineCall('billing', 'charges.list', { request: pageRequest.extend({ tenant: uuid, ...period }), reply: z.object({ data: z.array(postedCharge), hasMore: z.boolean() }), timeoutMs: 10_000 }),
  /** Invoices whose period touches this one, in the order of their periods. */
  invoiced: defineCall('billing', 'invoices.sums', { request: z.object({ tenant: uuid, ...period }), reply: z.object({ data: z.array(invoicedSum) }), timeoutMs: 20_000 }),
} as const;

