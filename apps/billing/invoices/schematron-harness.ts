import { createRequire } from 'node:module';

interface Schematron {
  readonly Schema: { fromString(text: string): { validateString(xml: string): readonly { readonly assertId: string | null; readonly message?: string }[] } };
}
/** Its own types bring those of browsers with them, which are then everywhere. */
const { Schema } = createRequire(import.meta.url)('node-schematron') as Schematron;

/** Sums of decimals that must be equal: the engine adds them as binary fractions, where 0.1 + 0.2 is not 0.3. Such a rule is held against the document in hundredths, which are whole numbers. */
const sums = /^BR-(?:AE|AF|AG|E|G|IC|IG|IP|O|Z)-08$/;

/** The same document with every amount a hundred times as much; prices, which are no part of these sums, may have more decimals and stay. */
function inHundredths(xml: string): string {
  return xml.replaceAll(/(<cbc:(?!PriceAmount)\w+ currencyID="[A-Z]{3}">)(-?)(\d+)(?:\.(\d{1,2}))?(?=<)/g, (_all, tag: string, sign: string, whole: string, fraction = '') => `${tag}${sign}${whole}${String(fraction).padEnd(2, '0')}`);
}

/** Assertions of a Schematron (`queryBinding="xslt2"` without functions of its own, as that of EN 16931) that a document violates: their ids, each once. */
export function schematronOf(text: string): (xml: string) => string[] {
  const schema = Schema.fromString(text);
  const violatedBy = (xml: string): string[] => [...new Set(schema.validateString(xml).map(({ assertId, message }) => assertId ?? `without an id: ${message?.trim() ?? ''}`))];
  return (xml) => {
    const violated = violatedBy(xml);
    const doubtful = violated.filter((id) => sums.test(id));
    const certain = doubtful.length === 0 ? [] : violatedBy(inHundredths(xml)).filter((id) => doubtful.includes(id));
    return [...violated.filter((id) => !sums.test(id)), ...certain].sort();
  };
}
