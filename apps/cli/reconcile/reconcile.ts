import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import { bodyMatchesEnvelope, countState, decisionNumber, decisionState, invoiceDocument, isDecision, isPaidDecision, nanos, parseEnvelope } from '#protocol';
import type { DecisionNumber, ExportedEntry, InvoiceDocument, LoggedDecision, PostedCharge } from '#protocol';
import type { Finding } from './finding.js';
import type { Gathered } from './gathered.js';
import type { Counted } from './seen-log.js';

/** Everything that was decided in a period, each once, by what became of it. */
export interface Reconciliation {
  readonly states: Readonly<Record<string, { decisions: number; chargeNanos: string }>>;
  readonly findings: readonly Finding[];
  /** What could not be looked at, and why. */
  readonly unknown: readonly string[];
}

/** Holds decisions, their ends, charges and invoices against each other; `counted`: the numbers that the log's counts have for the organisation's records. */
export function reconcile(gathered: Gathered, counted: ReadonlyMap<string, Counted>, nowMs: number): Reconciliation {
  const [findings, unknown]: [Finding[], string[]] = [[], []];
  const { fromMs, toMs } = gathered.scope;
  const charges = chargesByRecord(gathered.charges, findings);
  const ends = new Map<string, ExportedEntry>();
  for (const entry of gathered.entries) if ((entry.type === 'completed' || entry.type === 'voided') && !ends.has(entry.id)) ends.set(entry.id, entry);
  const states = new Map<string, { decisions: number; nanos: bigint }>();
  let closed = 0;
  for (const entry of gathered.entries) {
    if (bodyHolds(entry) === false) findings.push({ kind: 'body_differs', subject: entry.id, message: `what the export says of entry ${entry.index} (${entry.type}) is not what the entry commits to` });
    if (!isDecision(entry.type) || entry.timeMs < fromMs || entry.timeMs >= toMs) continue;
    if (bodyHolds(entry) === null) closed += 1;
    const charge = charges.get(entry.id);
    const decision = decided(entry, ends.get(entry.id), counted.get(entry.id));
    const state = decisionState(decision, charge, nowMs);
    const sum = states.get(state) ?? { decisions: 0, nanos: 0n };
    states.set(state, { decisions: sum.decisions + 1, nanos: sum.nanos + (charge?.amountNanos ?? 0n) });
    findings.push(...ofState(decision, charge, state), ...ofNumber(decision, counted.get(entry.id), nowMs));
  }
  if (closed > 0) unknown.push(`${closed} decisions have no body that opens (erased, expired, or an export of an older release): their numbers and amounts are not compared`);
  for (const charge of charges.values()) if (!ends.has(charge.record)) findings.push({ kind: 'charge_without_record', subject: charge.record, message: `${charge.amountNanos} nanos were charged for record ${charge.record}, whose end is not in the log` });
  findings.push(...ofInvoices(gathered, ends, unknown));
  return { states: Object.fromEntries([...states].sort(([a], [b]) => (a < b ? -1 : 1)).map(([state, { decisions, nanos: sum }]) => [state, { decisions, chargeNanos: sum.toString() }])), findings, unknown };
}

function chargesByRecord(charges: readonly PostedCharge[], findings: Finding[]): Map<string, PostedCharge> {
  const found = new Map<string, PostedCharge>();
  for (const charge of charges) {
    if (found.has(charge.record)) findings.push({ kind: 'charge_twice', subject: charge.record, message: `record ${charge.record} was charged for twice` });
    found.set(charge.record, charge);
  }
  return found;
}

/** Null: there is nothing to compare. */
function bodyHolds({ envelope, fields, opening }: ExportedEntry): boolean | null {
  if (fields === null || opening === null || opening === undefined) return null;
  return bodyMatchesEnvelope({ ...opening, fields }, parseEnvelope(Buffer.from(envelope, 'base64')));
}

function decided(entry: ExportedEntry, end: ExportedEntry | undefined, counted: Counted | undefined): LoggedDecision {
  const number = decisionNumber.safeParse(entry.fields?.['decisionNumber']).data ?? null;
  return {
    ...{ index: entry.index, record: entry.id, type: entry.type as LoggedDecision['type'], timeMs: entry.timeMs, isPaid: isPaidDecision(entry.type, entry.fields), number },
    count: counted ? { index: counted.index, confirmed: true, other: null } : null,
    end: end ? { index: end.index, type: end.type as 'completed' | 'voided', timeMs: end.timeMs, chargeNanos: nanos.safeParse(end.fields?.['chargeNanos']).data ?? null } : null,
  };
}

function ofState({ record, index, end }: LoggedDecision, charge: PostedCharge | undefined, state: ReturnType<typeof decisionState>): Finding[] {
  if (state === 'end_missing') return [{ kind: 'end_missing', subject: record, message: `record ${record} was admitted (entry ${index}) and never ended` }];
  if (state === 'charge_missing') return [{ kind: 'charge_missing', subject: record, message: `record ${record} ended (entry ${end!.index}) and has no charge` }];
  if (state === 'charge_differs') return [{ kind: 'charge_differs', subject: record, message: `record ${record} was charged ${charge!.amountNanos} nanos, and its end (entry ${end!.index}) says ${end!.chargeNanos}` }];
  if (state === 'not_invoiced') return [{ kind: 'charge_not_invoiced', subject: record, message: `the charge of record ${record} is in no invoice, and invoice ${charge!.lackedBy} is of its time` }];
  return [];
}

function ofNumber(decision: LoggedDecision, counted: Counted | undefined, nowMs: number): Finding[] {
  const { record, index, number } = decision;
  if (number !== null && counted !== undefined && !isSame(number, counted)) return [{ kind: 'number_differs', subject: record, message: `record ${record} (entry ${index}) is number ${number.number} of run ${number.run}, and entry ${counted.index} counts it as ${counted.number} of run ${counted.run}` }];
  return countState(decision, nowMs) === 'missing' ? [{ kind: 'decision_uncounted', subject: record, message: `record ${record} (entry ${index}) has number ${number!.number} of run ${number!.run}, which no count has` }] : [];
}

const isSame = (number: DecisionNumber, counted: Counted): boolean => number.run === counted.run && number.number === counted.number;

function ofInvoices({ invoices, sums, charges }: Gathered, ends: ReadonlyMap<string, ExportedEntry>, unknown: string[]): Finding[] {
  return invoices.flatMap((document): Finding[] => {
    const own = charges.filter(({ invoice }) => invoice?.id === document.id);
    const sum = sums.find(({ id }) => id === document.id);
    if (sum === undefined) return [{ kind: 'invoice_differs', subject: document.id, message: `the books have no invoice ${document.number}` }];
    if (own.length < sum.charges) unknown.push(`invoice ${document.number}: ${sum.charges - own.length} of its ${sum.charges} charges are not of the period that was gathered`);
    const total = own.reduce((all, { amountNanos }) => all + amountNanos, 0n) + sum.adjustmentsNanos + sum.termsNanos;
    const findings: Finding[] = [];
    if (own.length >= sum.charges && total !== document.usageNanos) findings.push({ kind: 'invoice_lacks_charges', subject: document.id, message: `invoice ${document.number} is over ${document.usageNanos} nanos, and its charges, adjustments and terms are ${total}` });
    for (const { record, amountNanos, line, chargedAtMs } of own) if (amountNanos > 0n && ends.has(record) && !hasLine(document, line)) findings.push({ kind: 'line_missing', subject: record, message: `the charge of record ${record} (${new Date(chargedAtMs).toISOString()}) is in invoice ${document.number}, which has no line "${line.name}" of ${line.detail}` });
    return findings;
  });
}

/** Where there are too many, lines are put together under "Inference, …". */
function hasLine({ lines }: InvoiceDocument, { name, detail }: PostedCharge['line']): boolean {
  return lines.some((line) => (line.detail === detail && line.name.startsWith(`${name}: `)) || line.name.startsWith('Inference, '));
}

/** Invoices whose text is not the one that the log says was issued. */
export function issuedAsLogged(invoices: readonly InvoiceDocument[], entries: readonly ExportedEntry[]): Finding[] {
  const logged = new Map(entries.filter(({ type }) => type === 'invoice.issued').map(({ id, fields }) => [id, fields?.['documentHash']]));
  return invoices.flatMap((document) => {
    const said = logged.get(document.id);
    const hash = createHash('sha256').update(canonicalJson(z.encode(invoiceDocument, document))).digest('hex');
    return said === undefined || said === hash ? [] : [{ kind: 'invoice_differs' as const, subject: document.id, message: `invoice ${document.number} is not the one that was issued by the log` }];
  });
}
