import vat from 'jsvat-next';

const { checkVAT, countries } = vat;

/** Greece alone writes another prefix than its ISO code. */
const prefixOf = (country: string): string => (country === 'GR' ? 'EL' : country);

/**
 * Whether a VAT number can be one of a member state of the European Union: its prefix is the state's, its form and checksum hold. That it is
 * registered only the state's register (VIES) knows.
 */
export function isVatNumberOf(country: string, vatId: string): boolean {
  const rules = countries.filter(({ codes }) => codes[0] === country);
  return rules.length > 0 && vatId.startsWith(prefixOf(country)) && checkVAT(vatId, rules).isValid;
}
