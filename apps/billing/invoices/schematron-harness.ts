import { createRequire } from 'node:module';

interface Schematron {
  readonly Schema: { fromString(text: string): { validateString(xml: string): readonly { readonly assertId: string | null; readonly message?: string }[] } };
}
/** Its own types bring those of browsers with them, which are then everywhere. */
const { Schema } = createRequire(import.meta.url)('node-schematron') as Schematron;

/** Sums of decimals that must be equal: the engine adds them as binary fractions, where 0.1 + 0.2 is not 0.3. That lines add up to what is taxed our own rules check exactly (BR-S-08 there). */
const inexact = /^BR-(?:AE|AF|AG|E|G|IC|IG|IP|O|Z)-08$/;

/** Assertions of a Schematron (`queryBinding="xslt2"` without functions of its own, as that of EN 16931) that a document violates: their ids, each once. */
export function schematronOf(text: string): (xml: string) => string[] {
  const schema = Schema.fromString(text);
  return (xml) => [...new Set(schema.validateString(xml).map(({ assertId, message }) => assertId ?? `without an id: ${message?.trim() ?? ''}`))].filter((id) => !inexact.test(id)).sort();
}
