import { meterNames, meterUnits } from '#kernel';
import type { Meter } from '#kernel';
import { billedAtto, costTagPrefix, rateOfLine } from '#protocol';
import type { CostLine } from '#protocol';

/** What the books do not know of a machine. */
export interface Place {
  readonly region: string;
}

type Cell = string | null;
type Column = readonly [name: string, value: (line: CostLine, place: Place | undefined, of: FocusFile) => Cell];

/** Whose costs a file holds, and what the deployment calls itself. */
export interface FocusFile {
  readonly tenant: string;
  readonly provider: string;
}
const dayMs = 86_400_000;
const iso = (atMs: number): string => new Date(atMs).toISOString().replace('.000Z', 'Z');
/** The seconds that hold a moment: where a period begins, and where it is over. */
const second = (atMs: number, round: (value: number) => number): string => iso(round(atMs / 1_000) * 1_000);
const month = (atMs: number, add: number): string => iso(Date.UTC(new Date(atMs).getUTCFullYear(), new Date(atMs).getUTCMonth() + add));

/** `value × 10⁻ᵖˡᵃᶜᵉˢ` as exact decimal text. */
export function decimal(value: bigint, places: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(places + 1, '0');
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, digits.length - places)}${fraction === '' ? '' : `.${fraction}`}`;
}

type UsageLine = CostLine & { readonly meter: Meter };

const isUsage = (line: CostLine): line is UsageLine => (meterNames as readonly string[]).includes(line.meter);
const ofUsage = (value: (line: UsageLine) => string) => (line: CostLine): Cell => (isUsage(line) ? value(line) : null);
/** Units as FOCUS writes them: capitals, and time in seconds. */
const focusUnits: Readonly<Record<Meter, { readonly name: string; readonly unit: string }>> = {
  input_tokens: { name: 'Input Tokens', unit: 'Tokens' },
  output_tokens: { name: 'Output Tokens', unit: 'Tokens' },
  cached_tokens: { name: 'Cached Input Tokens', unit: 'Tokens' },
  images: { name: 'Images', unit: 'Images' },
  audio_ms: { name: 'Audio', unit: 'Seconds' },
  gpu_ms: { name: 'GPU Time', unit: 'GPU-Seconds' },
  frames: { name: 'Frames', unit: 'Frames' },
  obh_milli: { name: 'OctaneBench Hours', unit: 'OBh' },
  cache_hits: { name: 'Answers Given Again', unit: 'Requests' },
  requests: { name: 'Requests', unit: 'Requests' },
};
const places = ({ meter }: UsageLine): number => meterUnits[meter].places;
/** What has the price; of tokens it is a million of what is consumed. */
const pricingQuantity = (line: UsageLine): string => decimal(BigInt(line.quantity), places(line));
const isByMillion = (line: UsageLine): boolean => places(line) === 6;

/** What a line is in the words of FOCUS. */
function categoryOf(line: CostLine): string {
  if (isUsage(line)) return 'Usage';
  switch (line.meter as Exclude<CostLine['meter'], Meter>) {
    case 'credit':
    case 'granted':
    case 'credit_note':
      return 'Credit';
    case 'minimum':
    case 'fee':
      return 'Purchase';
    case 'tax':
      return 'Tax';
    case 'correction':
    case 'difference':
    case 'discount':
    case 'rounding':
    case 'other':
      return 'Adjustment';
  }
}

function descriptionOf(line: CostLine): string {
  if (isUsage(line)) return `${focusUnits[line.meter].name} of ${line.model}`;
  switch (line.meter as Exclude<CostLine['meter'], Meter>) {
    case 'credit':
      return `Credit for work of ${line.model} that verification refuted`;
    case 'correction':
      return `Correction of usage of ${line.model}`;
    case 'difference':
      return `Charged beside usage × price of ${line.model}`;
    case 'tax':
      return line.endpoint === '' ? line.model : `${line.model} of what is credited of ${line.endpoint}`;
    case 'rounding':
      return 'Rounding of the invoice to hundredths';
    case 'credit_note':
      return `Credited of ${line.model}: ${line.endpoint}`;
    case 'other':
      return `Charged for use of ${line.model} by a meter that this release does not know`;
    case 'discount':
    case 'minimum':
    case 'fee':
    case 'granted':
      return `${line.model}: ${line.endpoint}`;
  }
}

/** In the currency of the invoice, with every decimal that the rate makes. */
const billed = (line: CostLine): string => decimal(billedAtto(line), 18);
const unitPrice = ofUsage((line) => decimal(line.priceNanos * rateOfLine(line), 18));
const unitPriceUsd = ofUsage(({ priceNanos }) => decimal(priceNanos, 9));
/** Quantity × unit price, exactly; what is billed differs by each request's rounding to a nano-dollar. */
const contracted = (line: CostLine): string => (isUsage(line) ? decimal(BigInt(line.quantity) * line.priceNanos * rateOfLine(line), places(line) + 18) : billed(line));
const billingCurrency = ({ billed: of }: CostLine): string => of?.currency ?? 'USD';
/** Prices are in dollars; tax, rounding and credit notes are of the invoice, and in its currency alone. */
const isOfInvoice = ({ billed: of }: CostLine): boolean => of?.nanos !== undefined;
const isOfNote = (line: CostLine): boolean => line.meter === 'credit_note' || (line.meter === 'tax' && line.endpoint !== '');

/** `cost:team=red` is the key `team` with a value, `cost:pilot` a key that is there. */
function tagsOf({ tags }: CostLine): string {
  const pairs = tags.map((tag): [string, string | true] => {
    const [key, ...value] = tag.slice(costTagPrefix.length).split('=');
    return [key!, value.length === 0 ? true : value.join('=')];
  });
  return JSON.stringify(Object.fromEntries(pairs));
}

/** FOCUS 1.2, in this order; own columns last. */
const columns: readonly Column[] = [
  ['AvailabilityZone', () => null],
  ['BilledCost', billed],
  ['BillingAccountId', (_line, _place, { tenant }) => tenant],
  ['BillingAccountName', ({ tenantName }) => tenantName],
  ['BillingAccountType', () => 'Organisation'],
  ['BillingCurrency', billingCurrency],
  // What is in an invoice is of that one's period, also where it was used before; the rest of the month that runs.
  ['BillingPeriodEnd', ({ dayMs: atMs, billed: of }) => (of?.periodToMs === undefined ? month(atMs, 1) : second(of.periodToMs, Math.ceil))],
  ['BillingPeriodStart', ({ dayMs: atMs, billed: of }) => (of?.periodFromMs === undefined ? month(atMs, 0) : second(of.periodFromMs, Math.floor))],
  ['ChargeCategory', categoryOf],
  ['ChargeClass', (line) => (isOfNote(line) || (line.corrects ?? null) !== null ? 'Correction' : null)],
  ['ChargeDescription', descriptionOf],
  ['ChargeFrequency', (line) => (isUsage(line) ? 'Usage-Based' : line.meter === 'fee' || line.meter === 'minimum' ? 'Recurring' : 'One-Time')],
  ['ChargePeriodEnd', ({ dayMs: atMs }) => iso(atMs + dayMs)],
  ['ChargePeriodStart', ({ dayMs: atMs }) => iso(atMs)],
  ['ConsumedQuantity', ofUsage((line) => (isByMillion(line) ? String(line.quantity) : pricingQuantity(line)))],
  ['ConsumedUnit', ofUsage(({ meter }) => focusUnits[meter].unit)],
  ['ContractedCost', contracted],
  ['ContractedUnitPrice', unitPrice],
  ['EffectiveCost', billed],
  ['InvoiceId', ({ invoice }) => invoice],
  ['InvoiceIssuer', ({ issuer }, _place, { provider }) => issuer ?? provider],
  ['ListCost', contracted],
  ['ListUnitPrice', unitPrice],
  ['PricingCategory', ofUsage(() => 'Standard')],
  ['PricingCurrency', (line) => (isOfInvoice(line) ? billingCurrency(line) : 'USD')],
  ['PricingCurrencyContractedUnitPrice', unitPriceUsd],
  ['PricingCurrencyEffectiveCost', (line) => (isOfInvoice(line) ? billed(line) : decimal(line.amountNanos, 9))],
  ['PricingCurrencyListUnitPrice', unitPriceUsd],
  ['PricingQuantity', ofUsage(pricingQuantity)],
  ['PricingUnit', ofUsage((line) => `${isByMillion(line) ? '1000000 ' : ''}${focusUnits[line.meter].unit}`)],
  ['Provider', (_line, _place, { provider }) => provider],
  ['Publisher', ({ nodeName }, _place, { provider }) => nodeName ?? provider],
  ['RegionId', (_line, place) => place?.region ?? null],
  ['RegionName', (_line, place) => place?.region ?? null],
  ['ResourceId', ({ node }) => node],
  ['ResourceName', ({ nodeName }) => nodeName],
  ['ResourceType', ({ node }) => (node === null ? null : 'Machine')],
  ['ServiceCategory', () => 'AI and Machine Learning'],
  ['ServiceName', (_line, _place, { provider }) => `${provider} Inference`],
  ['ServiceSubcategory', () => 'Generative AI'],
  ['SkuId', ofUsage(({ offer, meter }) => `${offer!}:${meter}`)],
  ['SkuMeter', ofUsage(({ meter }) => focusUnits[meter].name)],
  ['SkuPriceDetails', ofUsage(({ model, endpoint, priceHash }) => JSON.stringify({ x_Model: model, x_Endpoint: endpoint, x_PriceHash: priceHash }))],
  ['SkuPriceId', ofUsage(({ priceVersion, meter }) => `${priceVersion!}:${meter}`)],
  ['SubAccountId', ({ project }) => project],
  ['SubAccountName', ({ projectName }) => projectName],
  ['SubAccountType', ({ project }) => (project === null ? null : 'Project')],
  ['Tags', tagsOf],
  ['x_ApiKeyId', ({ keyId }) => keyId],
  ['x_Endpoint', (line) => (line.node === null ? null : line.endpoint)],
  ['x_Model', (line) => (line.node === null ? null : line.model)],
];

export const focusColumns: readonly string[] = columns.map(([name]) => name);

export const focusHeader = `${focusColumns.join(',')}\r\n`;

/** Lines of CSV (RFC 4180); `null` is an empty cell. */
export const focusRows = (of: FocusFile, lines: readonly CostLine[], placeOf: (offer: string) => Place | undefined): string =>
  lines.map((line) => `${columns.map(([, value]) => cell(value(line, line.offer === null ? undefined : placeOf(line.offer), of))).join(',')}\r\n`).join('');

/** A spreadsheet must not take a name for a formula: it gets an apostrophe. Numbers keep their sign. */
function cell(value: Cell): string {
  if (value === null) return '';
  const text = /^[=+@\t\r]|^-(?!\d+(\.\d+)?$)/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
