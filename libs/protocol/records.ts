import { z } from 'zod';
import { answerAction } from './answer-rules.js';
import { commit, commitApart, commitmentRoot, rootWithApart } from './commitments.js';
import type { CommitmentVersion } from './commitments.js';
import type { RecordFields } from './field-layout.js';
import { costTag } from './costs.js';
import { decisionNumber } from './decision-counts.js';
import type { DecisionNumber } from './decision-counts.js';
import { mayNamePerson, namesPerson } from './person-fields.js';
import { signedReceipt } from './receipts.js';
import { searchTerms, searchTermsOf } from './record-search.js';
import type { SearchTerms } from './record-search.js';
import { base64, nanos, sha256Hex, timeMs, uuid } from './scalars.js';
import { sealedBody, Sealer, unseal } from './sealing.js';
import type { SealedBody } from './sealing.js';
import { dataClass, endpoint, findingKind, usage } from './vocabulary.js';

/** Kinds of log entries. `admitted` and `completed` share the request's id; every entry's identity is (id, type). */
export const recordTypes = [
  'admitted',
  'completed',
  'refused',
  'reused',
  'voided',
  'organisation.created',
  'project.created',
  'policy.published',
  'limits.changed',
  'aliases.changed',
  'key.created',
  'key.revoked',
  'node.enrolled',
  'node.revoked',
  'budget.set',
  'price.set',
  'price.proposed',
  'price.approved',
  'price-book.proposed',
  'price-book.approved',
  'journal.changed',
  'agreement.proposed',
  'agreement.approved',
  'credit.granted',
  'credit.lapsed',
  'usage.corrected',
  'epoch.settled',
  'offers.seen',
  'books.closed',
  'claim.resolved',
  'holdback-rule.set',
  'holdback.released',
  'holdback.forfeited',
  'invoice.issued',
  'decisions.counted',
  'run.closed',
  'log.exported',
  'log.broken',
  'log-key.changed',
  'data.read',
  'webhooks.changed',
  'buckets.changed',
  'spend-alerts.changed',
  'spend-alert.fired',
  'spend.unusual',
  'report.made',
  'sealing.rotated',
  'sealing.destroyed',
  'master.rotated',
  'kms.changed',
  'person.erased',
  'erasure.held',
  'retention.changed',
  'retention.applied',
  'hold.placed',
  'hold.released',
  'x402.settled',
  'payer.set',
  'deposit.moved',
  'payout.withdrawn',
  'price.withdrawn',
  'baselines.set',
  'rate.set',
  'parties.changed',
  'payment.noted',
  'payment.reversed',
  'refund.changed',
  'royalties.noted',
  'token.created',
  'erasure.reached',
  'deletion.held',
  'deletion.done',
  'tokens.reconciled',
  'payee.proved',
  'payee.held',
  'payee.released',
  'payout.changed',
  'statement.voided',
  'dispute.opened',
  'dispute.resolved',
  'deposit.held',
  'deposit.reversed',
  'deposit.short',
  'screening.waived',
  'x402.refused',
  'relayer.foreign-use',
  'wallet.moved',
] as const;
/** What is recorded of requests; all else is of changes. */
export const requestTypes: readonly RecordType[] = ['admitted', 'completed', 'refused', 'reused', 'voided'];
export const recordType = z.enum(recordTypes);
export type RecordType = z.output<typeof recordType>;

/** Where a job was tried, in order. */
export const attempt = z.object({ offer: uuid, node: uuid, outcome: z.enum(['ok', 'unreachable', 'busy', 'failed', 'lost']), code: z.string().optional() });

/** Billing's part of `admitted`: what was reserved, where, under which price. */
export const admittedFacts = z.object({
  kind: z.literal('admitted'),
  record: uuid,
  tenant: uuid,
  project: uuid,
  keyId: uuid,
  gateway: z.string(),
  budget: uuid,
  lease: uuid,
  fence: z.int().nonnegative(),
  holdNanos: nanos,
  offer: uuid,
  node: uuid,
  priceVersion: uuid,
  policyVersion: z.int(),
  model: z.string(),
  endpoint,
  dataClass,
  requestHash: sha256Hex,
  admittedAtMs: timeMs,
  deadlineMs: timeMs,
  /** What the cost is attributed to, beside project, key and model. */
  costTags: z.array(costTag).max(32).optional(),
  /** The request that this is a second copy of, on another machine, because the first took long: one piece of work, paid for twice. */
  hedgeOf: uuid.optional(),
});
export type AdmittedFacts = z.output<typeof admittedFacts>;

/** Billing's part of `completed`: exactly one charge follows, zero included. */
export const completedFacts = z.object({
  kind: z.literal('completed'),
  record: uuid,
  tenant: uuid,
  project: uuid,
  budget: uuid,
  lease: uuid,
  /** The offer and node that did the work; those of the admission when none did. */
  offer: uuid,
  node: uuid,
  priceVersion: uuid,
  /** `failed` costs nothing. `cut`: a stream that broke after its first byte; it and `cancelled` cost what was produced until then. `reused`: an answer given again, at the price of that. */
  outcome: z.enum(['ok', 'failed', 'cancelled', 'cut', 'reused']),
  usage,
  /** `estimated`: no engine said it, so the text was counted by `estimateTokens`. */
  usageSource: z.enum(['engine', 'receipt', 'estimated', 'none']),
  chargeNanos: nanos,
  responseHash: sha256Hex.nullable(),
  attempts: z.array(attempt),
  receipt: signedReceipt.nullable(),
  /** Personal data in the answer, where rules say to look, and what was done about it. */
  answerFindings: z.array(z.object({ kind: findingKind, count: z.int().positive(), action: answerAction })).optional(),
  completedAtMs: timeMs,
  /** Who closed the admission: the gateway, or billing from a receipt after the deadline. */
  closedBy: z.enum(['gateway', 'billing']),
});
export type CompletedFacts = z.output<typeof completedFacts>;

export const recordFacts = z.discriminatedUnion('kind', [admittedFacts, completedFacts]);
export type RecordFacts = z.output<typeof recordFacts>;

/** The public log entry: says that something of this type happened, and commits to what. Its exact bytes are hashed. */
export const envelope = z.object({
  v: z.literal(1),
  id: uuid,
  type: recordType,
  /** RFC 3339 with milliseconds, UTC. */
  time: z.iso.datetime({ precision: 3 }),
  /** The tenant's pseudonym; the deployment's own entries carry `operator`. */
  tenant: z.union([sha256Hex, z.literal('operator')]),
  /** Ends in the version of the commitments (`commitmentVersions`). */
  schema: z.string().regex(/^mizan\.record\.[a-z0-9.-]+\/[123]$/),
  root: sha256Hex,
});
export type Envelope = z.output<typeof envelope>;

/** A record on the wire: one log entry with its sealed body, and the facts that billing needs in clear. */
export const logRecord = z.object({
  v: z.literal(1),
  id: uuid,
  type: recordType,
  tenant: uuid.nullable(),
  /** Base64 of the envelope's exact bytes. */
  envelope: base64,
  /** Absent for the deployment's own entries, whose fields are public and travel in `fields`. */
  body: sealedBody.nullable(),
  fields: z.record(z.string(), z.json()).nullable(),
  facts: recordFacts.nullable(),
  /** The number of a decision, which its body has too; absent in all else and in records of older gateways. */
  decision: decisionNumber.optional(),
  /** What the organisation may search its entries by; absent in records of older producers. */
  search: searchTerms.optional(),
  /** W3C trace context of the request: a group commit carries records of many. */
  traceparent: z.string().max(64).optional(),
});
export type LogRecord = z.output<typeof logRecord>;

/** One JetStream message of RECORDS: a group commit. */
export const recordCommit = z.object({ v: z.literal(1), records: z.array(logRecord).min(1).max(64) });
export type RecordCommit = z.output<typeof recordCommit>;

const fieldsByName = z.record(z.string(), z.json());
const commitmentsByName = z.record(z.string(), sha256Hex);

/** The plaintext of a sealed body. What names a person lies in it sealed to that person's key, with a secret of its own. */
export const storedBody = z.object({ secret: base64, fields: fieldsByName, person: z.object({ commitments: commitmentsByName, sealed: sealedBody }).optional() });
export type StoredBody = z.output<typeof storedBody>;

/** An opened body. */
export const recordBody = z.object({
  secret: base64,
  fields: fieldsByName,
  /** Of the fields that name a person: their commitments, the key that they are under, and the secret of their salts; that null, they are erased, and not in `fields`. */
  person: z.object({ keyId: uuid, commitments: commitmentsByName, secret: base64.nullable() }).optional(),
});
export type RecordBody = z.output<typeof recordBody>;

/** What of a request's decision goes into the sealed body of `admitted` and `refused`, beside the facts. */
export const decisionFields = z.object({
  /** `organisation` is absent in older records. */
  principal: z.object({ keyId: uuid, project: uuid, role: z.string(), organisation: uuid.optional() }),
  model: z.string(),
  endpoint,
  declaredClass: dataClass,
  dataClass,
  findings: z.array(z.object({ kind: findingKind, count: z.int().positive() })),
  purpose: z.string().nullable(),
  subject: z.string().nullable(),
  subjectRegion: z.string().nullable(),
  dataset: z.string().nullable(),
  tags: z.array(z.string()),
  policyVersion: z.int(),
  policyHash: sha256Hex.nullable(),
  decision: z.enum(['permit', 'deny']),
  policies: z.array(z.object({ id: z.string(), reason: z.string().nullable() })),
  permittedOffers: z.int().nonnegative(),
  consideredOffers: z.int().nonnegative(),
  /** The entry that keeps the offers as they were, and their hash; absent in older records, null when they were too many to keep. */
  offersSeen: z.object({ record: uuid, hash: sha256Hex }).nullable().optional(),
  durability: z.enum(['one-replica', 'three-replicas']),
  /** Which of its gateway's decisions it is; absent in older records. */
  decisionNumber: decisionNumber.optional(),
});
export type DecisionFields = z.output<typeof decisionFields>;

export interface RecordDraft {
  readonly id: string;
  readonly type: RecordType;
  readonly timeMs: number;
  readonly fields: RecordFields;
  /** Further fields; of those with one name, the last counts. */
  readonly more?: readonly RecordFields[];
  readonly facts: RecordFacts | null;
  readonly traceparent?: string;
  readonly number?: DecisionNumber;
  /** What it is found by besides what its own fields say. */
  readonly search?: SearchTerms;
}

const entryContext = (id: string, type: RecordType): string => `${id}|${type}`;
const personContext = (id: string, type: RecordType): string => `${id}|${type}|person`;

/** Base64 of the envelope. */
function envelopeOf(draft: RecordDraft, tenant: string, root: string, version: 2 | 3 = 2): string {
  // RFC 8785 by hand: the names in order, and values that need no escape.
  return Buffer.from(
    `{"id":"${draft.id}","root":"${root}","schema":"mizan.record.${draft.type}/${version}","tenant":"${tenant}","time":"${new Date(draft.timeMs).toISOString()}","type":"${draft.type}","v":1}`,
  ).toString('base64');
}

/** Builds a tenant's record: commitments and encryption are made here, by the producer. `person` seals to the key of whom the data is about. */
export function sealRecord(draft: RecordDraft, tenant: { tenant: string; pseudonym: string }, sealer: Sealer, person?: Sealer): LogRecord {
  if (person !== undefined) return sealAbout(draft, tenant, sealer, person);
  const secret = sealer.freshSecret();
  const parts = partsOf(draft);
  const { root, json } = commit(secret, ...parts);
  const body = sealer.seal(`{"secret":"${secret.toString('base64')}","fields":${json}}`, entryContext(draft.id, draft.type));
  return recordOf(draft, tenant, envelopeOf(draft, tenant.pseudonym, root), body, searchTermsOf(...parts));
}

function partsOf({ fields, more = [], number }: RecordDraft): RecordFields[] {
  return number === undefined ? [fields, ...more] : [fields, ...more, { decisionNumber: { ...number } }];
}

function recordOf(draft: RecordDraft, { tenant }: { tenant: string }, envelope: string, body: SealedBody, terms: SearchTerms): LogRecord {
  const { id, type, facts, number, traceparent, search } = draft;
  const record: LogRecord = { v: 1, id, type, tenant, envelope, body, fields: null, facts, search: search === undefined ? terms : { ...search, ...terms } };
  if (number !== undefined) record.decision = number;
  if (traceparent !== undefined && traceparent !== '') record.traceparent = traceparent;
  return record;
}

function sealAbout(draft: RecordDraft, tenant: { tenant: string; pseudonym: string }, sealer: Sealer, person: Sealer): LogRecord {
  const [secret, personSecret] = [sealer.freshSecret(), person.freshSecret()];
  const fields = Object.assign({}, ...partsOf(draft)) as RecordFields;
  const { root, json, apartJson, commitments } = commitApart(secret, personSecret, fields, (name) => namesPerson(name, fields));
  const sealed = person.seal(`{"secret":"${personSecret.toString('base64')}","fields":${apartJson}}`, personContext(draft.id, draft.type));
  const body = sealer.seal(`{"secret":"${secret.toString('base64')}","fields":${json},"person":${JSON.stringify({ commitments, sealed })}}`, entryContext(draft.id, draft.type));
  return recordOf(draft, tenant, envelopeOf(draft, tenant.pseudonym, root, 3), body, { ...searchTermsOf(fields), personKey: person.sealKeyId });
}

/** Builds a record of the deployment itself, whose fields are public (committed with an all-zero secret). */
export function operatorRecord(draft: RecordDraft): LogRecord {
  const envelope = envelopeOf(draft, 'operator', commit(operatorSecret, draft.fields).root);
  return { v: 1, id: draft.id, type: draft.type, tenant: null, envelope, body: null, fields: draft.fields as Record<string, z.core.util.JSONType>, facts: null, search: searchTermsOf(draft.fields) };
}

export const operatorSecret = new Uint8Array(32);

/** Opens a record's body with the tenant's raw private sealing key, but for what names a person. Throws when key, record or bytes do not match. */
export function openStoredBody(id: string, type: RecordType, body: SealedBody, sealPrivate: Uint8Array): StoredBody {
  return storedBody.parse(JSON.parse(unseal(body, sealPrivate, entryContext(id, type)).toString('utf8')));
}

/** The whole body, with the person's raw private key where there still is one. Throws when that is another one's. */
export function withPerson(id: string, type: RecordType, { person, ...rest }: StoredBody, personPrivate: Uint8Array | undefined): RecordBody {
  if (person === undefined) return rest;
  const shown = { keyId: person.sealed.sealKeyId, commitments: person.commitments };
  if (personPrivate === undefined) return { ...rest, person: { ...shown, secret: null } };
  const part = storedBody.parse(JSON.parse(unseal(person.sealed, personPrivate, personContext(id, type)).toString('utf8')));
  return { secret: rest.secret, fields: { ...rest.fields, ...part.fields }, person: { ...shown, secret: part.secret } };
}

/** Both at once. */
export function openRecordBody(id: string, type: RecordType, body: SealedBody, sealPrivate: Uint8Array, personPrivate?: Uint8Array): RecordBody {
  return withPerson(id, type, openStoredBody(id, type, body, sealPrivate), personPrivate);
}

/** Whether the fields are those that the envelope commits to. */
export function bodyMatchesEnvelope({ secret, fields, person }: RecordBody, entry: Envelope): boolean {
  const version = commitmentVersion(entry);
  if ((version === 3) !== (person !== undefined)) return false;
  if (person !== undefined && !Object.keys(person.commitments).every(mayNamePerson)) return false;
  const key = Buffer.from(secret, 'base64');
  const root = person === undefined ? commitmentRoot(version, key, fields) : rootWithApart(key, fields, { commitments: person.commitments, secret: person.secret === null ? null : Buffer.from(person.secret, 'base64') });
  return root === entry.root;
}

/** How the entry commits to its body. */
export const commitmentVersion = ({ schema }: Envelope): CommitmentVersion => (schema.endsWith('/3') ? 3 : schema.endsWith('/2') ? 2 : 1);

/** Parses an entry's exact bytes. */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  return plainEnvelope(text) ?? envelope.parse(JSON.parse(text));
}

/** An envelope as producers write it, in a fifth of the time that its schema takes; `undefined` for any other text. */
function plainEnvelope(text: string): Envelope | undefined {
  const [, id, root, schema, tenant, time, type] = envelopeText.exec(text) ?? [];
  if (id === undefined || !types.has(type!) || !isDay(time!)) return undefined;
  return { v: 1, id, type: type as RecordType, time: time!, tenant: tenant!, schema: schema!, root: root! };
}

const envelopeText =
  /^\{"id":"([0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})","root":"([0-9a-f]{64})","schema":"(mizan\.record\.[a-z0-9.-]+\/[123])","tenant":"([0-9a-f]{64}|operator)","time":"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z)","type":"([a-z0-9.-]+)","v":1\}$/;
const types: ReadonlySet<string> = new Set(recordTypes);

/** Whether the month of a time has such a day; every month has 28. */
function isDay(time: string): boolean {
  if (time.slice(8, 10) <= '28') return true;
  const ms = Date.parse(time);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === time;
}
