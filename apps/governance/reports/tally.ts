import type { Json } from '#kernel';
import type { AuditReport, RecordType } from '#protocol';
import type { LogEntry } from '../audit/record-reader.service.js';
import { PaymentsTally } from './payments-tally.js';

type Fields = Record<string, Json | undefined>;
type Counts = Omit<AuditReport, 'organisation' | 'month' | 'log'> & { readonly log: Pick<AuditReport['log'], 'entries' | 'first' | 'last' | 'unreadable' | 'erased' | 'byType'> };
type Ran = AuditReport['ran'][number];

/** What people decided, as against what gateways did. */
const ofPeople: ReadonlySet<string> = new Set<RecordType>([
  'organisation.created', 'project.created', 'policy.published', 'limits.changed', 'aliases.changed', 'key.created', 'key.revoked', 'budget.set', 'sealing.rotated', 'sealing.destroyed', 'kms.changed', 'person.erased', 'erasure.held', 'webhooks.changed', 'buckets.changed', 'spend-alerts.changed', 'price.proposed', 'price.approved', 'price-book.proposed', 'price-book.approved', 'agreement.proposed', 'agreement.approved', 'credit.granted', 'usage.corrected', 'holdback-rule.set', 'payer.set', 'payee.held', 'payee.released', 'payout.changed', 'dispute.opened', 'dispute.resolved', 'parties.changed', 'payment.noted', 'payment.reversed', 'refund.changed', 'retention.changed', 'hold.placed', 'hold.released', 'log.exported', 'data.read',
]);
/** Named one by one; beyond it they are counted. */
const approvalsMax = 500;

const objectOf = (value: Json | undefined): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {});
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const text = (value: Json | undefined, otherwise = 'unknown'): string => (typeof value === 'string' ? value : otherwise);
const whole = (value: Json | undefined): number => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0);
const units = (value: Json | undefined): string => (typeof value === 'string' && /^-?\d+$/.test(value) ? value : '0');

/** Sums up the entries of a month, given in the order of the log. The same entries give the same report. */
export class Tally {
  private entries = 0;
  private first: number | null = null;
  private last: number | null = null;
  private unreadable = 0;
  private erased = 0;
  private approvalsTotal = 0;
  /** Of requests that have not ended yet: the end does not say it. */
  private readonly models = new Map<string, string>();
  private readonly byType = new Map<RecordType, number>();
  private readonly ran = new Map<string, { -readonly [K in keyof Ran]: Ran[K] }>();
  private readonly law = new Map<string, { jurisdiction: string; dataClass: string; policyVersion: number; requests: number }>();
  private readonly refusals = new Map<string, { code: string; policies: string[]; requests: number }>();
  private readonly overrides = new Map<string, { declaredClass: string; dataClass: string; requests: number }>();
  private readonly approvals: AuditReport['approvals'] = [];
  private readonly payments = new PaymentsTally();

  /** The model of a request whose admission is in no sum here. */
  know(id: string, model: string): void {
    this.models.set(id, model);
  }

  take({ index, id, type, timeMs, body }: LogEntry): void {
    this.entries += 1;
    this.first ??= index;
    this.last = index;
    this.byType.set(type, (this.byType.get(type) ?? 0) + 1);
    if (body === null) {
      this.unreadable += 1;
      return;
    }
    if (body.error) this.erased += 1;
    const fields = body.fields as Fields;
    if (type === 'admitted') this.takeAdmitted(id, fields);
    else if (type === 'completed') this.takeEnd(id, fields);
    else if (type === 'refused') this.takeRefused(fields);
    this.payments.take({ id, type, timeMs }, fields);
    if (ofPeople.has(type)) this.takeApproval({ index, id, type, timeMs }, fields);
    if (type === 'admitted' || type === 'refused' || type === 'reused') this.takeClass(fields);
  }

  counts(): Counts {
    return {
      log: { entries: this.entries, first: this.first, last: this.last, unreadable: this.unreadable, erased: this.erased, byType: Object.fromEntries([...this.byType].sort(byName)) },
      ran: sorted(this.ran),
      law: sorted(this.law),
      refusals: sorted(this.refusals),
      overrides: sorted(this.overrides),
      approvals: this.approvals,
      approvalsTotal: this.approvalsTotal,
      payments: this.payments.told(),
    };
  }

  private takeAdmitted(id: string, fields: Fields): void {
    this.models.set(id, text(fields['model']));
    const jurisdiction = text(objectOf(fields['machine'])['jurisdiction']);
    const row = { jurisdiction, dataClass: text(fields['dataClass']), policyVersion: whole(fields['policyVersion']) };
    add(this.law, row, { ...row, requests: 0 }).requests += 1;
  }

  /** Where it ended is where it ran: an attempt elsewhere may have failed before. */
  private takeEnd(id: string, fields: Fields): void {
    const [machine, usage, price] = [objectOf(fields['machine']), objectOf(fields['usage']), objectOf(fields['price'])];
    const place = { network: text(machine['network']), region: text(machine['region']), country: text(machine['country']), jurisdiction: text(machine['jurisdiction']), evidence: text(machine['evidence']) };
    const currency = text(price['currency'], 'USD');
    const key = { model: this.models.get(id) ?? 'unknown', ...place, currency };
    this.models.delete(id);
    const charge = BigInt(units(fields['chargeNanos']));
    this.payments.charge(currency, charge);
    // An answer that was given again ran nowhere.
    if (fields['outcome'] === 'reused') return;
    const row = add(this.ran, key, { ...key, requests: 0, inputTokens: 0, outputTokens: 0, chargeNanos: '0' });
    row.requests += 1;
    row.inputTokens += whole(usage['inputTokens']);
    row.outputTokens += whole(usage['outputTokens']);
    row.chargeNanos = (BigInt(row.chargeNanos) + charge).toString();
  }

  private takeRefused(fields: Fields): void {
    const policies = listOf(fields['policies']).map((policy) => text(objectOf(policy)['id']));
    const row = { code: text(objectOf(fields['refusal'])['code']), policies: fields['decision'] === 'deny' ? policies : [] };
    add(this.refusals, row, { ...row, requests: 0 }).requests += 1;
  }

  private takeClass(fields: Fields): void {
    const row = { declaredClass: text(fields['declaredClass']), dataClass: text(fields['dataClass']) };
    if (row.declaredClass !== row.dataClass) add(this.overrides, row, { ...row, requests: 0 }).requests += 1;
  }

  private takeApproval(entry: Pick<LogEntry, 'index' | 'id' | 'type' | 'timeMs'>, fields: Fields): void {
    this.approvalsTotal += 1;
    if (this.approvals.length >= approvalsMax) return;
    const { keyId } = objectOf(fields['actor']);
    const what = ['what', 'change', 'name', 'version', 'hash', 'scope', 'format', 'limitNanos', 'role'].filter((name) => ['string', 'number'].includes(typeof fields[name])).map((name) => `${name} ${String(fields[name] as string | number)}`);
    this.approvals.push({ ...entry, key: typeof keyId === 'string' ? keyId : null, what: what.join(', ').slice(0, 200) });
  }
}

function add<Row>(rows: Map<string, Row>, key: object, fresh: Row): Row {
  const name = JSON.stringify(Object.values(key));
  const row = rows.get(name) ?? fresh;
  rows.set(name, row);
  return row;
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
const sorted = <Row>(rows: ReadonlyMap<string, Row>): Row[] => [...rows].sort(byName).map(([, row]) => row);
