import { failure } from '#protocol';
import type { Buyer, Seller, TaxLine } from '#protocol';
import { isEuropean, rateSources, standardRate } from './tax-rates.js';
import { isVatNumberOf } from './vat-number.js';

/** How a supply is taxed, before there is an amount. */
export type TaxRule = Omit<TaxLine, 'baseMinor' | 'taxMinor'>;

const untaxed = (category: 'Z' | 'E' | 'AE' | 'O', reasonCode: string | null, reason: string | null, source: string): TaxRule => ({ category, rateBasisPoints: 0, reasonCode, reason, source });

/**
 * VAT on an electronic service between businesses, by where seller and buyer are, on the day of supply. Error:
 * INVOICE_IMPOSSIBLE when the table has no rate for that day.
 */
export function taxRule(seller: Pick<Seller, 'country' | 'vatId'>, buyer: Pick<Buyer, 'country' | 'vatId' | 'exemption'>, day: string): TaxRule {
  if (seller.vatId === null) return untaxed('O', 'VATEX-EU-O', 'Not subject to VAT', 'The seller is not registered for VAT');
  if (isEuropean(seller.country)) return fromEurope(seller.country, buyer, day);
  if (seller.country === 'SA' || seller.country === 'AE') return fromTheGulf(seller.country, buyer, day);
  return untaxed('O', 'VATEX-EU-O', 'Services outside the scope of VAT', "No VAT is asked for in the seller's country");
}

function fromEurope(country: string, buyer: Pick<Buyer, 'country' | 'vatId' | 'exemption'>, day: string): TaxRule {
  if (!isEuropean(buyer.country)) return untaxed('O', 'VATEX-EU-O', 'Supply of services outside the scope of VAT', 'Directive 2006/112/EC, article 44');
  const isRegistered = buyer.vatId !== null && isVatNumberOf(buyer.country, buyer.vatId);
  if (buyer.country !== country && isRegistered) return untaxed('AE', 'VATEX-EU-AE', 'Reverse charge', 'Directive 2006/112/EC, articles 44 and 196');
  if (buyer.exemption !== null && buyer.country === country) return untaxed('E', null, buyer.exemption, 'As the buyer states');
  if (buyer.country === country) return standard(country, day, rateSources.eu);
  // Without a VAT number an electronic service is taxed where the buyer is.
  const wrong = buyer.vatId === null ? '' : `; no reverse charge, as ${buyer.vatId} is no VAT number of ${buyer.country}`;
  return standard(buyer.country, day, `${rateSources.eu}; Directive 2006/112/EC, article 58${wrong}`);
}

function fromTheGulf(country: 'SA' | 'AE', buyer: Pick<Buyer, 'country' | 'exemption'>, day: string): TaxRule {
  if (buyer.country !== country) return untaxed('Z', null, null, country === 'SA' ? 'KSA VAT implementing regulations, article 33' : 'UAE Cabinet Decision 52 of 2017, article 31');
  return buyer.exemption === null ? standard(country, day, rateSources[country]) : untaxed('E', null, buyer.exemption, 'As the buyer states');
}

function standard(country: string, day: string, source: string): TaxRule {
  const rateBasisPoints = standardRate(country, day);
  if (rateBasisPoints === undefined) throw failure('INVOICE_IMPOSSIBLE', `there is no rate of VAT of ${country} for ${day} in the table`, { country, day });
  return { category: 'S', rateBasisPoints, reasonCode: null, reason: null, source };
}
