import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { actor } from './governance.js';
import { evmAddress, isPlainText, nanos, pageRequest, timeMs, tokenUnits, uuid } from './scalars.js';

const words = z.string().trim().min(1).max(500).refine(isPlainText, 'control characters and broken surrogates are not text');
/** Not less than nothing. */
const minimum = nanos.refine((value) => value >= 0n, 'is below zero');

/** Who holds a payee back: a person, or the screening that found it on a list. */
export const holdSource = z.enum(['person', 'screening']);

/** What is owed to a held payee stays owed and is paid when the hold is over. `tenant` null: by every payer. */
export const payoutHold = z.object({
  id: uuid,
  tenant: uuid.nullable(),
  payee: evmAddress,
  source: holdSource,
  reason: words,
  /** Key that placed it; null: the service itself. */
  placedBy: uuid.nullable(),
  placedAtMs: timeMs,
  /** When it ends by itself; null: not before it is released. */
  untilMs: timeMs.nullable(),
  releasedAtMs: timeMs.nullable(),
  releaseNote: words.nullable(),
});
export type PayoutHold = z.output<typeof payoutHold>;

/** Below it nothing is drawn: what is owed waits until it is more. `payee` null: of all payees that have none of their own. */
export const payoutMinimum = z.object({ tenant: uuid, payee: evmAddress.nullable(), minimumNanos: minimum });
export type PayoutMinimum = z.output<typeof payoutMinimum>;

const at = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day in UTC, as 09:30');
/** When an organisation's epochs run, in UTC. */
export const payoutSchedule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('interval'), minutes: z.int().min(1).max(44_640) }),
  z.strictObject({ kind: z.literal('daily'), at }),
  /** 1 = Monday. */
  z.strictObject({ kind: z.literal('weekly'), weekday: z.int().min(1).max(7), at }),
  /** A day that every month has. */
  z.strictObject({ kind: z.literal('monthly'), day: z.int().min(1).max(28), at }),
]);
export type PayoutSchedule = z.output<typeof payoutSchedule>;
/** `schedule` null: with the deployment's own epochs. */
export const scheduleSetting = z.object({ tenant: uuid, schedule: payoutSchedule.nullable(), nextAtMs: timeMs.nullable() });

/** While it is open, its payer pays its payee nothing more. */
export const payoutDispute = z.object({
  id: uuid,
  tenant: uuid,
  statement: uuid,
  payee: evmAddress,
  /** What the statement paid it. */
  units: tokenUnits,
  openedBy: z.enum(['payer', 'payee']),
  reason: words,
  openedAtMs: timeMs,
  resolvedAtMs: timeMs.nullable(),
  resolution: words.nullable(),
});
export type PayoutDispute = z.output<typeof payoutDispute>;

export const heldBackReason = z.object({ kind: z.enum(['hold', 'screening', 'dispute', 'unproved', 'minimum', 'not-allowed']), detail: z.string() });
/** What is owed and is not drawn as things stand, and why. */
export const heldBack = z.object({ payee: evmAddress, owedNanos: nanos, reasons: z.array(heldBackReason).min(1) });
export type HeldBack = z.output<typeof heldBack>;

/** What a payee signs (EIP-191) to dispute what a statement paid it. */
export const payeeDisputeText = (payee: string, statement: string, reason: string, signedAtMs: number): string =>
  `Mizan: ${payee.toLowerCase()} disputes statement ${statement}\n${reason}\nat ${new Date(signedAtMs).toISOString()}`;

const page = <T extends z.ZodType>(each: T) => z.object({ data: z.array(each), hasMore: z.boolean() });
const ofTenant = pageRequest.extend({ tenant: uuid.nullable() });

export const payoutRuleCalls = {
  /** Error: REQUEST_INVALID (it would end before it begins). */
  placeHold: defineCall('settlement', 'holds.place', { request: z.object({ actor, tenant: uuid.nullable(), payee: evmAddress, reason: words, untilMs: timeMs.nullable() }), reply: payoutHold }),
  /** Again answers the same. Errors: NOT_FOUND; SANCTIONED (the screening that placed it still finds the payee), SCREENING_UNAVAILABLE. */
  releaseHold: defineCall('settlement', 'holds.release', { request: z.object({ actor, tenant: uuid.nullable(), id: uuid, note: words }), reply: payoutHold, timeoutMs: 15_000 }),
  /** Newest first; `after` is an id. An organisation sees its own and those by every payer, without their reasons. */
  listHolds: defineCall('settlement', 'holds.list', { request: ofTenant, reply: page(payoutHold) }),
  /** What a tenant owes and would not draw now, the most first; `more`: how many payees are not in it. Errors: SCREENING_UNAVAILABLE, SERVICE_UNAVAILABLE. */
  heldBack: defineCall('settlement', 'payouts.held', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(heldBack), more: z.int().nonnegative() }), timeoutMs: 15_000 }),
  /** Zero takes it away. */
  putMinimum: defineCall('settlement', 'minimums.put', { request: z.object({ actor }).extend(payoutMinimum.shape), reply: payoutMinimum }),
  /** The organisation's own first, then by payee; `after` is a payee. */
  listMinimums: defineCall('settlement', 'minimums.list', { request: pageRequest.extend({ tenant: uuid }), reply: page(payoutMinimum) }),
  putSchedule: defineCall('settlement', 'schedules.put', { request: z.object({ actor, tenant: uuid, schedule: payoutSchedule.nullable() }), reply: scheduleSetting }),
  getSchedule: defineCall('settlement', 'schedules.get', { request: z.object({ tenant: uuid }), reply: scheduleSetting }),
  /** While one of the same line is open it answers that one. Errors: NOT_FOUND (the statement paid the payee nothing). */
  openDispute: defineCall('settlement', 'disputes.open', { request: z.object({ actor, tenant: uuid, statement: uuid, payee: evmAddress, reason: words }), reply: payoutDispute }),
  /** The same by whoever signs with the payee's key. Errors: NOT_FOUND, NOT_ALLOWED. */
  openPayeeDispute: defineCall('settlement', 'disputes.open-payee', {
    request: z.object({ payee: evmAddress, statement: uuid, reason: words, signedAtMs: timeMs, signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/, 'is 65 bytes of hex') }),
    reply: payoutDispute,
  }),
  /** Again answers the same. `deployment`: by the operator, who alone ends what a payee opened. Errors: NOT_FOUND, NOT_ALLOWED. */
  resolveDispute: defineCall('settlement', 'disputes.resolve', { request: z.object({ actor, tenant: uuid.nullable(), id: uuid, resolution: words, deployment: z.boolean() }), reply: payoutDispute }),
  /** Newest first; `after` is an id. */
  listDisputes: defineCall('settlement', 'disputes.list', { request: ofTenant, reply: page(payoutDispute) }),
} as const;

const subject = { payee: evmAddress, tenant: uuid.nullable() };
export const payoutRuleEvents = {
  held: defineEvent('settlement', 'payee-held', z.object({ ...subject, hold: uuid, source: holdSource })),
  released: defineEvent('settlement', 'payee-released', z.object({ ...subject, hold: uuid })),
  /** How little or how often an organisation pays was set or taken away. */
  termsChanged: defineEvent('settlement', 'payout-terms-changed', z.object({ tenant: uuid, what: z.enum(['minimum', 'schedule']) })),
  disputeOpened: defineEvent('settlement', 'dispute-opened', z.object({ ...subject, dispute: uuid, statement: uuid, openedBy: z.enum(['payer', 'payee']) })),
  disputeResolved: defineEvent('settlement', 'dispute-resolved', z.object({ ...subject, dispute: uuid, statement: uuid })),
} as const;
