import { costTagPrefix } from '#protocol';
import type { CostLine } from '#protocol';

/** What the books do not know of a machine. */
export interface Place {
  readonly region: string;
}

type Cell = string | null;
type Column = readonly [name: string, value: (line: CostLine, place: Place | undefined, tenant: string) => Cell];

/** Who sells and bills: the deployment. */
const seller = 'Mizan';
const dayMs = 86_400_000;
const iso = (atMs: number): string => new Date(atMs).toISOString().replace('.000Z', 'Z');
const month = (atMs: number, add: number): string => iso(Date.UTC(new Date(atMs).getUTCFullYear(), new Date(atMs).getUTCMonth() + add));

/** `value × 10⁻ᵖˡᵃᶜᵉˢ` as exact decimal text. */
export function decimal(value: bigint, places: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(places + 1, '0');
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, digits.length - places)}${fraction === '' ? '' : `.${fraction}`}`;
}

const isUsage = ({ meter }: CostLine): boolean => meter !== 'difference';
const ofUsage = (value: (line: CostLine) => string) => (line: CostLine): Cell => (isUsage(line) ? value(line) : null);
const meterName = ({ meter }: CostLine): string => (meter === 'input' ? 'Input Tokens' : 'Output Tokens');
const billed = ({ amountNanos }: CostLine): string => decimal(amountNanos, 9);
const unitPrice = ofUsage(({ nanosPerMillion }) => decimal(nanosPerMillion, 9));
/** Quantity × unit price, exactly; what is billed differs by each request's rounding to a nano-dollar. */
const contracted = (line: CostLine): string => (isUsage(line) ? decimal(BigInt(line.tokens) * line.nanosPerMillion, 15) : billed(line));

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
  ['BillingAccountId', (_line, _place, tenant) => tenant],
  ['BillingAccountName', ({ tenantName }) => tenantName],
  ['BillingAccountType', () => 'Organisation'],
  ['BillingCurrency', () => 'USD'],
  ['BillingPeriodEnd', ({ dayMs: atMs }) => month(atMs, 1)],
  ['BillingPeriodStart', ({ dayMs: atMs }) => month(atMs, 0)],
  ['ChargeCategory', (line) => (isUsage(line) ? 'Usage' : 'Adjustment')],
  ['ChargeClass', () => null],
  ['ChargeDescription', (line) => (isUsage(line) ? `${meterName(line)} of ${line.model}` : `Charged beside usage × price of ${line.model}`)],
  ['ChargeFrequency', (line) => (isUsage(line) ? 'Usage-Based' : 'One-Time')],
  ['ChargePeriodEnd', ({ dayMs: atMs }) => iso(atMs + dayMs)],
  ['ChargePeriodStart', ({ dayMs: atMs }) => iso(atMs)],
  ['ConsumedQuantity', ofUsage(({ tokens }) => String(tokens))],
  ['ConsumedUnit', ofUsage(() => 'Tokens')],
  ['ContractedCost', contracted],
  ['ContractedUnitPrice', unitPrice],
  ['EffectiveCost', billed],
  ['InvoiceId', ({ invoice }) => invoice],
  ['InvoiceIssuer', () => seller],
  ['ListCost', contracted],
  ['ListUnitPrice', unitPrice],
  ['PricingCategory', ofUsage(() => 'Standard')],
  ['PricingCurrency', () => 'USD'],
  ['PricingCurrencyContractedUnitPrice', unitPrice],
  ['PricingCurrencyEffectiveCost', billed],
  ['PricingCurrencyListUnitPrice', unitPrice],
  ['PricingQuantity', ofUsage(({ tokens }) => decimal(BigInt(tokens), 6))],
  ['PricingUnit', ofUsage(() => '1000000 Tokens')],
  ['Provider', () => seller],
  ['Publisher', ({ nodeName }) => nodeName ?? seller],
  ['RegionId', (_line, place) => place?.region ?? null],
  ['RegionName', (_line, place) => place?.region ?? null],
  ['ResourceId', ({ node }) => node],
  ['ResourceName', ({ nodeName }) => nodeName],
  ['ResourceType', () => 'Machine'],
  ['ServiceCategory', () => 'AI and Machine Learning'],
  ['ServiceName', () => 'Mizan Inference'],
  ['ServiceSubcategory', () => 'Generative AI'],
  ['SkuId', ofUsage(({ offer, meter }) => `${offer}:${meter}`)],
  ['SkuMeter', ofUsage(meterName)],
  ['SkuPriceDetails', ofUsage(({ model, endpoint, priceHash }) => JSON.stringify({ x_Model: model, x_Endpoint: endpoint, x_PriceHash: priceHash }))],
  ['SkuPriceId', ofUsage(({ priceVersion, meter }) => `${priceVersion}:${meter}`)],
  ['SubAccountId', ({ project }) => project],
  ['SubAccountName', ({ projectName }) => projectName],
  ['SubAccountType', () => 'Project'],
  ['Tags', tagsOf],
  ['x_ApiKeyId', ({ keyId }) => keyId],
  ['x_Endpoint', ({ endpoint }) => endpoint],
  ['x_Model', ({ model }) => model],
];

export const focusColumns: readonly string[] = columns.map(([name]) => name);

export const focusHeader = `${focusColumns.join(',')}\r\n`;

/** Lines of CSV (RFC 4180); `null` is an empty cell. */
export const focusRows = (tenant: string, lines: readonly CostLine[], placeOf: (offer: string) => Place | undefined): string =>
  lines.map((line) => `${columns.map(([, value]) => cell(value(line, placeOf(line.offer), tenant))).join(',')}\r\n`).join('');

/** A spreadsheet must not take a name for a formula: it gets an apostrophe. Numbers keep their sign. */
function cell(value: Cell): string {
  if (value === null) return '';
  const text = /^[=+@\t\r]|^-(?!\d+(\.\d+)?$)/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
