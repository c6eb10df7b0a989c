import { z } from 'zod';
import { defineCall } from './define.js';
import { pageRequest, sha256Hex, timeMs, uuid } from './scalars.js';

/** How long law asks for records of requests to be kept. A year is 366 days and six months are 184, so that none is ever short. */
export const retentionLaws = {
  'eu.ai-act': { days: 184, citation: 'Regulation (EU) 2024/1689 Art. 19(1), 26(6): logs, at least six months' },
  'us.colorado': { days: 3 * 366, citation: 'Colorado SB 26-189: records of consequential decisions, three years' },
  'us.hipaa': { days: 6 * 366, citation: '45 CFR 164.316(b)(2)(i): documentation, six years' },
  'us.sec-17a-4': { days: 6 * 366, citation: '17 CFR 240.17a-4: records of broker-dealers, six years' },
  'pci-dss': { days: 366, citation: 'PCI DSS 4 req. 10.5.1: audit logs, twelve months' },
} as const satisfies Record<string, { days: number; citation: string }>;
export const lawNames = Object.keys(retentionLaws) as [LawName, ...LawName[]];
export type LawName = keyof typeof retentionLaws;

/** A century: more is "for ever", which is said by leaving everything out. */
const daysMax = 36_600;
const words = z.string().trim().min(1).max(500);
const by = z.object({ keyId: uuid.nullable(), tenant: uuid.nullable() });

/** Laws that apply, and the organisation's own period, which may not be shorter than theirs. */
export const retentionRules = z.object({ laws: z.array(z.enum(lawNames)).max(lawNames.length).default([]), days: z.int().positive().max(daysMax).nullable().default(null) });
export type RetentionRules = z.output<typeof retentionRules>;

/** The longest period of the rules; null: records are kept until further notice. */
export function retentionDays({ laws, days }: RetentionRules): number | null {
  const all = [...laws.map((law) => retentionLaws[law].days), ...(days === null ? [] : [days])];
  return all.length === 0 ? null : Math.max(...all);
}

export const retention = retentionRules.extend({ effectiveDays: z.int().nullable(), changedAtMs: timeMs.nullable() });
export type Retention = z.output<typeof retention>;

/** Keeps what it covers from being deleted or erased until it is released. Of everything, or of one person; of all time, or of some. */
export const legalHold = z.object({
  id: uuid,
  tenant: uuid,
  reason: words,
  reference: words.nullable(),
  person: sha256Hex.nullable(),
  fromMs: timeMs.nullable(),
  untilMs: timeMs.nullable(),
  placedAtMs: timeMs,
  releasedAtMs: timeMs.nullable(),
});
export type LegalHold = z.output<typeof legalHold>;

/** As much of a hold as says what it covers: why it was placed is nobody else's to know. */
export const liveHold = legalHold.pick({ id: true, person: true, fromMs: true, untilMs: true });
export type LiveHold = z.output<typeof liveHold>;

/** An erasure that was asked for and waits for holds to be released. */
export const heldErasure = z.object({ id: uuid, person: sha256Hex, basis: words, reference: words.nullable(), requestedAtMs: timeMs });

/** Why a body is not there: its key was destroyed at the end of its period. */
export const expiredError = z.object({ code: z.literal('RECORD_EXPIRED'), message: z.string(), retention: uuid, expiredAtMs: timeMs });

export const retentionCalls = {
  /** Error: NOT_FOUND. */
  get: defineCall('governance', 'retention.get', { request: z.object({ tenant: uuid }), reply: retention }),
  /** Errors: NOT_FOUND, REQUEST_INVALID when the organisation's own period is shorter than a law's. */
  put: defineCall('governance', 'retention.put', { request: z.object({ actor: by, tenant: uuid, rules: retentionRules }), reply: retention }),
  /** Error: NOT_FOUND. */
  placeHold: defineCall('governance', 'retention.place-hold', { request: z.object({ actor: by, tenant: uuid, hold: legalHold.pick({ reason: true, reference: true, person: true, fromMs: true, untilMs: true }) }), reply: legalHold }),
  /** What waited for it is erased. Releasing twice is the same as once. Error: NOT_FOUND. */
  releaseHold: defineCall('governance', 'retention.release-hold', { request: z.object({ actor: by, tenant: uuid, id: uuid }), reply: legalHold, timeoutMs: 30_000 }),
  /** Newest first; `after` is the id of the last one of the page before. */
  listHolds: defineCall('governance', 'retention.holds', { request: pageRequest.extend({ tenant: uuid }), reply: z.object({ data: z.array(legalHold), hasMore: z.boolean() }) }),
  /** For services that delete what an organisation stored: those that are not released, newest first. It waits for one that is being placed. Error: NOT_FOUND. */
  liveHolds: defineCall('governance', 'retention.live-holds', { request: pageRequest.extend({ tenant: uuid }), reply: z.object({ data: z.array(liveHold), hasMore: z.boolean() }) }),
  /** Oldest first; `after` is an id. */
  listHeld: defineCall('governance', 'retention.held-erasures', { request: pageRequest.extend({ tenant: uuid }), reply: z.object({ data: z.array(heldErasure), hasMore: z.boolean() }) }),
} as const;
