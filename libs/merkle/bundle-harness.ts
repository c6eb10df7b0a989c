import { createHash, createPrivateKey } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json, MeterNanos, MeterQuantities } from '#kernel';
import { chargeOf, commit, commitApart, meterPricesJson, offersHash, offersRecordId, priceHash, signReceipt } from '#protocol';
import type { RecordFields, Usage } from '#protocol';
import { formatBundle } from './bundle.js';
import type { Bundle } from './bundle.js';
import { concat, fromBase64, fromHex, toBase64, toHex, toUtf8 } from './bytes.js';
import { signCheckpoint } from './checkpoint.js';
import { ed25519Cosigner, ed25519PublicKey, ed25519Signer, sha256 } from './node-crypto.js';
import { formatSignature, parseNote } from './note.js';
import { RightEdge } from './right-edge.js';
import { consistencyProof, inclusionProof, leafHash, nodeHash, rootOf } from './tree.js';
import type { HashAt } from './tree.js';
import { formatVerifierKey } from './verifier-key.js';

const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const idOf = (n: number): string => `018f0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const timeMs = Date.UTC(2026, 0, 1);
/** A pseudonym. */
const organisation = 'ab'.repeat(32);

/** Who is in the example; all keys follow from seeds of one byte. */
export const exampleLog = ed25519Signer('mizan.example/audit/test', seedOf(1));
export const exampleWitness = ed25519Cosigner('witness.example/w1', seedOf(2));
export const operatorsWitness = ed25519Cosigner('mizan.example/witness', seedOf(3));
const nodeSeed = seedOf(4);
const [recordId, node, offer, priceVersion] = [idOf(1), idOf(2), idOf(3), idOf(4)];
export const examplePolicy = '@id("eu") @reason("In the EU.") permit(principal, action, resource) when { resource.jurisdiction == "EU" };\n';

interface Draft {
  readonly id: string;
  readonly type: string;
  readonly fields: RecordFields;
  readonly secret: Uint8Array;
  /** Fields that are apart, under a secret of their own. */
  readonly apart?: { readonly names: readonly string[]; readonly secret: Uint8Array; readonly isErased: boolean };
  /** After the first, in milliseconds. */
  readonly at: number;
  /** Whose entry it is: the organisation's own. */
  readonly tenant?: string;
}

/** What a test changes before anything is hashed: the operator's lie that is signed and logged as if it were true. */
export interface Lies {
  readonly admitted?: RecordFields;
  /** What became of the decision instead of `admitted`; then nothing ran. */
  readonly became?: 'refused' | 'reused';
  readonly completed?: RecordFields;
  readonly policy?: RecordFields;
  readonly price?: RecordFields;
  readonly offers?: readonly Json[];
  readonly anchor?: RecordFields;
  readonly receipt?: { readonly usage: Usage };
  /** What is measured beside tokens, and its prices: true, unless `completed` or `price` say otherwise. */
  readonly measured?: { readonly quantities: MeterQuantities; readonly prices: MeterNanos };
  /** Whose entries of a type are. */
  readonly tenants?: Readonly<Record<string, string>>;
  /** Leaves entries of these types out of the file. */
  readonly without?: readonly string[];
  /** The decision is about a person: what names them is disclosed, or erased. */
  readonly about?: 'shown' | 'erased';
  /** Puts the policy's entry after the decision in the log. */
  readonly latePolicy?: boolean;
  /** So many entries, all the same, are in the log before all others; a power of two. */
  readonly before?: number;
}

const facts = { region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', network: 'mizan', model: 'm', evidence: 'contract', isolation: 'none', priceNanosPerMillion: 20_000_000 } as const;
const abroad = { ...facts, region: 'us-virginia', country: 'US', jurisdiction: 'US', priceNanosPerMillion: 10_000_000 };
const exampleOffers = [{ id: offer, node, price: priceVersion, facts }, { id: idOf(7), node: idOf(8), price: idOf(9), facts: abroad }];
const usage = { inputTokens: 7, outputTokens: 3 };
const [requestHash, responseHash] = [toHex(sha256(toUtf8('question'))), toHex(sha256(toUtf8('answer')))];
const tokenPrices = { inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: 40_000_000n };

/** What was used, at which price, and what it costs. */
function paidFor({ measured }: Lies) {
  const used: Usage = { ...usage, ...(measured && { meters: measured.quantities }) };
  const prices = { ...tokenPrices, ...(measured && { meters: measured.prices }) };
  const hash = priceHash({ ...prices, offer, currency: 'USD', validFromMs: timeMs });
  const price = { version: priceVersion, hash, currency: 'USD', inputNanosPerMillion: '20000000', outputNanosPerMillion: '40000000', ...(measured && { meters: meterPricesJson(measured.prices) }) };
  return { used, price, chargeNanos: chargeOf(used, prices).toString() };
}

/** A bundle of a request that ran and was paid for, with everything that it names, over a log of eleven entries. */
export function exampleBundle(lies: Lies = {}): Bundle {
  const hash = offersHash(exampleOffers);
  const { used, price, chargeNanos } = paidFor(lies);
  const policyHash = createHash('sha256').update(examplePolicy).digest('hex');
  const nodeKey = createPrivateKey({ key: Buffer.from(concat(fromHex('302e020100300506032b657004220420'), nodeSeed)), format: 'der', type: 'pkcs8' });
  const receipt = signReceipt({ v: 1, record: recordId, node, offer, model: 'm', endpoint: 'embeddings', requestHash, responseHash, usage: lies.receipt?.usage ?? used, startedAtMs: timeMs, endedAtMs: timeMs + 5 }, nodeKey);
  const machine = { machine: { node, name: 'frankfurt', network: 'mizan', region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', evidence: 'contract', isolation: 'none' }, price };
  const decision: RecordFields = {
    principal: { keyId: idOf(6), project: idOf(5), role: 'developer', organisation: idOf(30) }, model: 'm', endpoint: 'embeddings', declaredClass: 'internal', dataClass: 'internal', findings: [], purpose: null, subject: null, subjectRegion: null,
    dataset: null, tags: [], policyVersion: 1, policyHash, decision: 'permit', policies: [{ id: 'eu', reason: 'In the EU.' }], permittedOffers: 1, consideredOffers: 2, offersSeen: { record: offersRecordId(hash), hash }, durability: 'one-replica',
  };
  const run = { offer, node, priceVersion, ...machine };
  const policy: Draft = { id: idOf(10), type: 'policy.published', fields: { version: 1, hash: policyHash, text: examplePolicy, ...lies.policy }, secret: seedOf(11), at: lies.latePolicy ? 5_000 : 0 };
  const completed: Draft = { id: recordId, type: 'completed', fields: { outcome: 'ok', usage: used, usageSource: 'engine', chargeNanos, responseHash, receipt, attempts: [], ...run, ...lies.completed }, secret: seedOf(13), at: 1_010 };
  const drafts: Draft[] = [
    { id: priceVersion, type: 'price.set', fields: { offer, ...price, validFromMs: timeMs, keyId: null, ...lies.price }, secret: seedOf(0), at: 0, tenant: 'operator' },
    { id: node, type: 'node.enrolled', fields: { node, name: 'frankfurt', publicKey: toHex(ed25519PublicKey(nodeSeed)) }, secret: seedOf(0), at: 0, tenant: 'operator' },
    { id: offersRecordId(hash), type: 'offers.seen', fields: { hash, offers: lies.offers ?? (exampleOffers) }, secret: seedOf(0), at: 900, tenant: 'operator' },
    { id: recordId, type: lies.became ?? 'admitted', fields: { ...decision, ...(lies.about && { subject: 'cd'.repeat(32), tags: ['sender:a@b.org'] }), requestHash, ...(lies.became === undefined && run), ...lies.admitted }, secret: seedOf(12), at: 1_000, ...(lies.about && { apart: { names: ['subject', 'tags'], secret: seedOf(15), isErased: lies.about === 'erased' } }) },
    ...(lies.became === undefined ? [completed] : []),
  ];
  return bundleOf(lies.latePolicy ? [...drafts, policy] : [policy, ...drafts], lies);
}

function bundleOf(drafts: readonly Draft[], { anchor, tenants = {}, without = [], before = 0 }: Lies): Bundle {
  const envelope = ({ id, type, at, secret, fields, apart, tenant = organisation }: Draft): Uint8Array => {
    const { root } = apart === undefined ? commit(secret, fields) : commitApart(secret, apart.secret, fields, (name) => apart.names.includes(name));
    return toUtf8(canonicalJson({ v: 1, id, type, time: new Date(timeMs + at).toISOString(), tenant: tenants[type] ?? tenant, schema: `mizan.record.${type}/${apart === undefined ? 2 : 3}`, root }));
  };
  const noise = ['0', '1'].map(toUtf8);
  const first = before + noise.length;
  const anchored = treeOf(before, [...noise, ...drafts.map(envelope)]);
  const anchoredRoot = anchored.root();
  const fields = { payer: `0x${'1'.repeat(40)}`, epoch: 1, tx: `0x${'2'.repeat(64)}`, auditRoot: `0x${toHex(anchoredRoot)}`, auditSize: anchored.size, chainId: 31_337, escrow: `0x${'3'.repeat(40)}`, ...anchor };
  const all = [...drafts, { id: idOf(20), type: 'epoch.settled', fields, secret: seedOf(14), at: 2_000 }];
  const log = treeOf(before, [...noise, ...all.map(envelope), toUtf8('2'), toUtf8('3')]);
  const note = signCheckpoint({ origin: exampleLog.key.name, size: log.size, root: log.root() }, exampleLog);
  const { text } = parseNote(note);
  const cosignatures = [exampleWitness, operatorsWitness].map((witness) => formatSignature(witness.cosign(text, 1_767_225_600)));
  const entries = all.map((draft, at) => ({
    index: first + at,
    envelope: toBase64(envelope(draft)),
    body: bodyOf(draft),
    proof: inclusionProof(sha256, first + at, log.size, log.hashAt).map(toBase64),
  }));
  return {
    format: 'mizan-bundle/1',
    record: recordId,
    logKey: formatVerifierKey(exampleLog.key),
    witnessKeys: [exampleWitness, operatorsWitness].map(({ key }) => formatVerifierKey(key)),
    checkpoint: note + cosignatures.join(''),
    entries: entries.filter((_, at) => !without.includes(all[at]!.type)),
    earlier: [{ size: anchored.size, root: toBase64(anchoredRoot), proof: consistencyProof(sha256, anchored.size, log.size, log.hashAt).map(toBase64) }],
  };
}

/** A tree of `before` equal entries and these. */
function treeOf(before: number, entries: readonly Uint8Array[]): { size: number; hashAt: HashAt; root: () => Uint8Array } {
  const equal = [leafHash(sha256, toUtf8('='))];
  for (let level = 1; 2 ** level <= before; level += 1) equal.push(nodeHash(sha256, equal[level - 1]!, equal[level - 1]!));
  const leaves = entries.map((entry) => leafHash(sha256, entry));
  const hashAt: HashAt = (level, index) => (index * 2 ** level < before ? equal[level]! : rootOf(sha256, leaves.slice(index * 2 ** level - before, (index + 1) * 2 ** level - before)));
  const size = before + leaves.length;
  return { size, hashAt, root: () => RightEdge.restore(sha256, size, hashAt).root() };
}

function bodyOf({ secret, fields, apart }: Draft): NonNullable<Bundle['entries'][number]['body']> {
  if (apart === undefined) return { secret: toBase64(secret), fields };
  const { commitments } = commitApart(secret, apart.secret, fields, (name) => apart.names.includes(name));
  const left = Object.fromEntries(Object.entries(fields).filter(([name]) => !apart.isErased || !apart.names.includes(name)));
  return { secret: toBase64(secret), fields: left, person: { commitments, secret: apart.isErased ? null : toBase64(apart.secret) } };
}

export const exampleText = (lies: Lies = {}): string => formatBundle(exampleBundle(lies));

/** All entries of the log of an example that leaves none of its own out. */
export const exampleEntries = ({ entries }: Bundle = exampleBundle()): Uint8Array[] => [...['0', '1'].map(toUtf8), ...entries.map(({ envelope }) => fromBase64(envelope)), ...['2', '3'].map(toUtf8)];
