import { z } from 'zod';
import { defineCall } from './define.js';
import { actor, reader } from './governance.js';
import { recordType } from './records.js';
import { sha256Hex, timeMs, uuid } from './scalars.js';

/** A month of UTC, as 2026-01. */
export const month = z.string().regex(/^20\d\d-(0[1-9]|1[0-2])$/, 'a month such as 2026-01');

const count = z.int().nonnegative();
/** Amounts as decimal text: this is what is hashed. */
const amount = z.string().regex(/^-?\d+$/);

const invoiceAmounts = z.object({ kind: z.enum(['invoice', 'credit_note']), currency: z.string().nullable(), netMinor: amount, taxMinor: amount, grossMinor: amount });

/** Public facts about a month of an organisation's entries. RFC 8785 of it is what is signed. */
export const auditReport = z.object({
  organisation: z.object({ id: uuid, name: z.string(), pseudonym: sha256Hex }),
  month,
  log: z.object({
    origin: z.string(),
    /** Size and root of the log that the report was read from, to be compared with checkpoints and anchors. */
    size: count,
    root: sha256Hex,
    /** Of the organisation's entries in the month. */
    entries: count,
    first: count.nullable(),
    last: count.nullable(),
    /** Bodies that did not open: their facts are in no sum. */
    unreadable: count,
    /** Entries with a part that was erased. */
    erased: count,
    byType: z.record(z.string(), count),
  }),
  /** What ran where. `evidence`: how the place is known. */
  ran: z.array(
    z.object({
      model: z.string(), network: z.string(), region: z.string(), country: z.string(), jurisdiction: z.string(), evidence: z.string(),
      requests: count, inputTokens: count, outputTokens: count, chargeNanos: amount,
      /** Of the charge; absent in reports from before it was told. */
      currency: z.string().optional(),
    }),
  ),
  /** Under which law, and of what sensitivity, by the policy version that allowed it. */
  law: z.array(z.object({ jurisdiction: z.string(), dataClass: z.string(), policyVersion: count, requests: count })),
  /** By code and the policies that said no. */
  refusals: z.array(z.object({ code: z.string(), policies: z.array(z.string()), requests: count })),
  /** Requests whose class a scanner raised above what was declared: the declaration did not hold. */
  overrides: z.array(z.object({ declaredClass: z.string(), dataClass: z.string(), requests: count })),
  /** Decisions of people: who set the rules, money, keys and places, and who read. */
  approvals: z.array(z.object({ index: count, id: uuid, type: recordType, timeMs, key: z.string().nullable(), what: z.string() })),
  /** `approvals` holds the first so many; this is how many there were. */
  approvalsTotal: count,
  payments: z.object({
    charges: z.array(z.object({ currency: z.string(), chargeNanos: amount })),
    /** Units of the escrow's token. */
    settled: z.array(z.object({ id: uuid, timeMs, units: amount, tx: z.string().nullable(), chainId: count.nullable().optional(), escrow: z.string().nullable().optional() })),
    /** Amounts in hundredths of the currency. */
    invoices: z.array(z.object({ id: uuid, timeMs, number: z.string().nullable(), ...invoiceAmounts.partial().shape })),
    /** Payments, reversals and refunds, the first so many. */
    moves: z.array(z.object({ id: uuid, timeMs, type: recordType, currency: z.string().nullable(), amountMinor: amount, reference: z.string().nullable() })).optional(),
    /** In each currency; `unknown` where an entry does not say it. */
    totals: z.array(z.object({ currency: z.string(), invoicedMinor: amount, creditedMinor: amount, taxMinor: amount, paidMinor: amount, reversedMinor: amount, refundedMinor: amount })).optional(),
  }),
  /** Of a supplement: its number for this month, from 1 on and without gaps; all its counts are of what came into the log after what it continues. */
  supplement: z
    .object({
      number: z.int().positive(),
      /** SHA-256 of the report or supplement before it, which does not change. */
      continues: sha256Hex,
      /** Entries of the month from this index on, below `log.size`. */
      fromIndex: count,
      /** What came late, the first so many; `log.entries` is how many. */
      late: z.array(z.object({ index: count, id: uuid, type: recordType, timeMs })),
    })
    .optional(),
});
export type AuditReport = z.output<typeof auditReport>;

/** One file: the report and the log's signed note over its hash. */
export const signedReport = z.object({ format: z.literal('mizan-report/1'), report: auditReport, note: z.string(), logKey: z.string() });
export type SignedReport = z.output<typeof signedReport>;

/** The text that the log's key signs: never that of a checkpoint, whose second line is a number. */
export const reportNoteText = (origin: string, organisation: string, of: string, sha256: string): string => `${origin}/report\n${organisation}\n${of}\n${sha256}\n`;

/** What a report is signed as: the month, and of a supplement its number. */
export const reportNameOf = ({ month: of, supplement }: Pick<AuditReport, 'month' | 'supplement'>): string => (supplement === undefined ? of : `${of}+${supplement.number}`);

export const supplementListing = z.object({ number: z.int().positive(), entries: count, sha256: sha256Hex, madeAtMs: timeMs });

const ofMonth = z.object({ actor, tenant: uuid, month, reader: reader.optional() });
const ofSupplement = ofMonth.extend({ number: z.int().positive().max(1_000_000) });

export const reportCalls = {
  /** What came after the report of a month was made; looks for it first, and makes a supplement of what is there. Errors: NOT_FOUND (there is no report of the month). */
  supplements: defineCall('governance', 'reports.supplements', { request: ofMonth, reply: z.object({ data: z.array(supplementListing) }), timeoutMs: 120_000 }),
  /** One of them, always the same. Error: NOT_FOUND. */
  supplement: defineCall('governance', 'reports.supplement', { request: ofSupplement, reply: signedReport }),
  supplementPdf: defineCall('governance', 'reports.supplement-pdf', { request: ofSupplement, reply: z.object({ bytes: z.base64() }), timeoutMs: 20_000 }),
  /** The report of a month that is over, made once. Errors: NOT_FOUND, REQUEST_INVALID when the month is not over. */
  get: defineCall('governance', 'reports.get', { request: z.object({ actor, tenant: uuid, month, reader: reader.optional() }), reply: signedReport, timeoutMs: 120_000 }),
  /** The same for people to read. */
  pdf: defineCall('governance', 'reports.pdf', { request: z.object({ actor, tenant: uuid, month, reader: reader.optional() }), reply: z.object({ bytes: z.base64() }), timeoutMs: 120_000 }),
} as const;
