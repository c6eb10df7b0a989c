import { canonicalJson } from '../kernel/canonical-json.js';
import type { Json } from '../kernel/canonical-json.js';
import { measuredMeters, meterLines, sumOf } from '../kernel/meters.js';
import type { Measured, MeterNanos, MeterPrices } from '../kernel/meters.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { sha256Text } from './bundle-crypto.js';
import { bytesOf } from './bundle-entry.js';
import type { OpenEntry } from './bundle-entry.js';
import type { BundleFields } from './bundle.js';
import { concat, fromHex, fromUtf8, toUtf8 } from './bytes.js';
import { Malformed, Missing } from './malformed.js';

/** The record of a bundle beside what it names: everything has been found to be in the log. */
export interface Claims {
  readonly crypto: BundleCrypto;
  /** Of the record, in the order of the log; all disclosed. */
  readonly own: readonly (OpenEntry & { readonly fields: BundleFields })[];
  /** The other entries. */
  readonly others: readonly OpenEntry[];
}

/** Nothing is claimed that could be checked. */
export const unclaimed = undefined;

/**
 * What a decision went by must be in the log before it. What tells gateways and what tells the log travel apart, so that an entry may come
 * a moment after a decision by it: within so many entries, and with an earlier time of its own.
 */
const lateEntriesMax = 4_096;

const member = (fields: BundleFields, name: string): Json | undefined => fields[name];
/** Error: `Missing` when an entry that may hold it shows only some of its fields. */
function firstOf({ own }: Claims, name: string): Json | undefined {
  const values = own.map(({ fields }) => member(fields, name)).filter((value) => value !== undefined);
  const found = values.find((value) => value !== null);
  if (found === undefined && values.length === 0 && own.some(({ withheld }) => withheld > 0)) notShown(name);
  return found;
}
const objectOf = (value: Json | undefined): BundleFields | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as BundleFields) : undefined);
/** A value as a message says it: text as it is, all else as JSON. */
export const said = (value: Json | undefined): string => (typeof value === 'string' ? value : value === undefined ? 'nothing' : canonicalJson(value));

function same(what: string, recorded: Json | undefined, given: Json | undefined): void {
  if (typeof recorded === 'string' && recorded === given) return;
  const [a, b] = [recorded, given].map((value) => (value === undefined ? 'nothing' : canonicalJson(value)));
  if (a !== b) throw new Malformed(`${what}: the record says ${a}, its entry ${b}`);
}

/** The entry of a type and id, disclosed, and in the log before the record's first. `undefined`: the bundle does not hold it, or not open. */
function named({ own, others }: Claims, type: string, matches: (entry: OpenEntry) => boolean): (OpenEntry & { fields: BundleFields; order: string }) | undefined {
  const found = others.find((entry) => entry.type === type && matches(entry));
  if (found === undefined || found.fields === null) return undefined;
  const first = own[0]!;
  const late = found.index - first.index;
  if (late > lateEntriesMax || (late > 0 && found.timeMs > first.timeMs)) throw new Malformed(`${type} (entry ${found.index}) is not earlier in the log than the decision by it (entry ${first.index})`);
  return { ...found, fields: found.fields, order: late < 0 ? `entry ${found.index}, before it` : `entry ${found.index}, ${late} after it by number and before it by time` };
}

const missing = (what: string): never => {
  throw new Missing(`the file does not hold ${what}`);
};

const notShown = (...names: readonly string[]): never => {
  throw new Missing(`not shown: ${names.join(', ')}`);
};

/** Error: `Missing` when an entry shows only some of its fields, and not all of these. */
export function needShown({ fields, withheld }: Pick<OpenEntry, 'fields' | 'withheld'>, ...names: readonly string[]): void {
  const absent = withheld === 0 ? [] : names.filter((name) => fields === null || !Object.hasOwn(fields, name));
  if (absent.length > 0) notShown(...absent);
}

/** The policy text has the hash that the decision was made under. */
export function policyClaim(claims: Claims): string | undefined {
  const [hash, version] = [firstOf(claims, 'policyHash'), firstOf(claims, 'policyVersion')];
  if (hash === undefined) return unclaimed;
  const policy = named(claims, 'policy.published', ({ fields }) => fields?.['version'] === version) ?? missing(`version ${said(version)} of the policy`);
  needShown(policy, 'text', 'hash');
  const text = member(policy.fields, 'text');
  if (typeof text !== 'string' || sha256Text(claims.crypto, text) !== hash) throw new Malformed('the policy text has another hash than the record names');
  same('the hash of the policy', hash, member(policy.fields, 'hash'));
  return `version ${said(version)}, SHA-256 ${said(hash)} (${policy.order})`;
}

const priceFields = ['offer', 'currency', 'inputNanosPerMillion', 'outputNanosPerMillion', 'requestNanos', 'meters', 'validFromMs', 'hash'];

/** Every price version that the record names is what its entry says, and hashes to its name. */
export function priceClaim(claims: Claims): string | undefined {
  const prices = claims.own.map(({ fields }) => objectOf(member(fields, 'price'))).filter((price) => price !== undefined);
  const versions = [...new Set(claims.own.flatMap(({ fields }) => [member(fields, 'priceVersion'), objectOf(member(fields, 'price'))?.['version']]).filter((version) => typeof version === 'string'))];
  if (versions.length === 0) return claims.own.some(({ withheld }) => withheld > 0) ? notShown('price', 'priceVersion') : unclaimed;
  const told = versions.map((version) => {
    const set = named(claims, 'price.set', ({ id }) => id === version) ?? missing(`price version ${said(version)}`);
    needShown(set, ...priceFields);
    const { offer, currency, inputNanosPerMillion, outputNanosPerMillion, requestNanos, meters, validFromMs, hash } = set.fields;
    const computed = sha256Text(claims.crypto, canonicalJson({ offer, currency, inputNanosPerMillion, outputNanosPerMillion, validFromMs, ...(requestNanos !== undefined && { requestNanos }), ...(meters !== undefined && { meters }) }));
    if (computed !== hash) throw new Malformed(`price version ${said(version)} does not hash to what it says`);
    for (const price of prices.filter((one) => one['version'] === version)) for (const name of Object.keys(price)) same(`${name} of price ${said(version)}`, price[name], member(set.fields, name));
    return `${said(version)} (${set.order})`;
  });
  return told.join(', ');
}

/** The charge is the usage at the price, by each meter that the price names. */
export function chargeClaim(claims: Claims): string | undefined {
  const end = claims.own.find(({ type }) => type === 'completed');
  if (end !== undefined) needShown(end, 'usage', 'usageSource', 'priceVersion', 'chargeNanos');
  const completed = end?.fields;
  const usage = objectOf(completed?.['usage']);
  if (completed === undefined || usage === undefined) return unclaimed;
  const set = claims.others.find(({ type, id }) => type === 'price.set' && id === completed['priceVersion']);
  const price = set?.fields ?? missing('the price of the charge');
  needShown(set!, ...priceFields);
  const used = objectOf(usage['meters']);
  for (const meter of Object.keys(used ?? {})) if (!(measuredMeters as readonly string[]).includes(meter)) throw new Malformed(`the usage is measured in ${meter}, which this verifier does not know`);
  // Where nothing was produced, nothing is charged for the request either.
  const lines = meterLines({ ...usage, meters: used } as unknown as Measured, pricesOf(price, completed['usageSource'] !== 'none'));
  const charge = sumOf(lines);
  if (String(charge) !== completed['chargeNanos']) throw new Malformed(`the record charges ${said(completed['chargeNanos'])} nanos, and its usage at its price is ${charge}`);
  const beside = lines.filter(({ meter, quantity }) => quantity > 0 && (measuredMeters as readonly string[]).includes(meter)).map(({ meter, quantity }) => `, ${quantity} ${meter}`);
  return `${charge} nano-dollars: ${said(usage['inputTokens'])} + ${said(usage['outputTokens'])} tokens${beside.join('')} at the price${lines.some(({ meter, amountNanos }) => meter === 'requests' && amountNanos > 0n) ? ', and the fee of a request' : ''}`;
}

/** Amounts of a `price.set` entry as numbers. */
function pricesOf(price: BundleFields, withRequest: boolean): MeterPrices {
  const nanos = (name: string): bigint => BigInt(price[name] as string);
  const named = Object.entries(objectOf(price['meters']) ?? {}).map(([meter, amount]) => [meter, BigInt(amount as string)]);
  return {
    ...{ inputNanosPerMillion: nanos('inputNanosPerMillion'), outputNanosPerMillion: nanos('outputNanosPerMillion') },
    ...(withRequest && price['requestNanos'] !== undefined && { requestNanos: nanos('requestNanos') }),
    meters: Object.fromEntries(named) as MeterNanos,
  };
}

/** The provider's receipt is signed by the key that its node enrolled with, and says what the record says. */
export function receiptClaim(claims: Claims): string | undefined {
  const end = claims.own.find(({ type }) => type === 'completed');
  if (end !== undefined) needShown(end, 'receipt', 'node');
  const completed = end?.fields;
  const receipt = objectOf(completed?.['receipt']);
  if (completed === undefined || receipt === undefined) return unclaimed;
  const node = named(claims, 'node.enrolled', ({ id }) => id === completed['node']) ?? missing(`the enrolment of node ${said(completed['node'])}`);
  needShown(node, 'publicKey');
  const bytes = bytesOf(said(receipt['bytes']), 'the receipt');
  if (!claims.crypto.verify(fromHex(said(node.fields['publicKey'])), concat(toUtf8('mizan-receipt-v1\n'), bytes), bytesOf(said(receipt['signature']), 'the signature of the receipt'))) {
    throw new Malformed(`the receipt is not signed by node ${node.id}`);
  }
  const receiptBody = JSON.parse(fromUtf8(bytes)) as BundleFields;
  same('the record of the receipt', claims.own[0]!.id, receiptBody['record']);
  for (const name of ['node', 'offer', 'usage']) if (end!.withheld === 0 || Object.hasOwn(completed, name)) same(`${name} of the receipt`, completed[name], receiptBody[name]);
  const ofRequest = ['requestHash', 'responseHash', 'model'];
  for (const name of ofRequest) {
    const recorded = claims.own.map(({ fields }) => member(fields, name)).find((value) => value !== undefined && value !== null);
    if (recorded !== undefined) same(`${name} of the receipt`, recorded, receiptBody[name]);
  }
  // What is shown agrees with the receipt; what is not may not.
  needShown(end!, 'offer', 'usage');
  for (const name of ofRequest) firstOf(claims, name);
  return `signed by node ${node.id} (${node.order}): usage, request and answer as recorded`;
}

/** The offers that the decision chose among are those whose hash it names. */
export function offersClaim(claims: Claims): string | undefined {
  const seen = objectOf(firstOf(claims, 'offersSeen'));
  if (seen === undefined) return unclaimed;
  const entry = claims.others.find(({ type, id }) => type === 'offers.seen' && id === seen['record']);
  const fields = entry?.fields ?? missing('the offers as they were');
  needShown(entry!, 'offers');
  const offers = member(fields, 'offers');
  if (offers === undefined || sha256Text(claims.crypto, canonicalJson(offers)) !== seen['hash']) throw new Malformed('the offers have another hash than the record names');
  same('the number of offers', firstOf(claims, 'consideredOffers'), (offers as readonly Json[]).length);
  return `${(offers as readonly Json[]).length} offers as they were, SHA-256 ${said(seen['hash'])}`;
}
