import { commitmentOf, saltAt, saltsOf } from './body-root.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { sha256Text } from './bundle-crypto.js';
import type { BundleBody, BundleFields, ShownBody, WholeBody } from './bundle.js';
import { fromBase64 } from './bytes.js';
import { Malformed } from './malformed.js';

export const isShownBody = (body: BundleBody): body is ShownBody => 'shown' in body;

/** Values of the fields that a body shows, by name. */
export function fieldsOf(body: BundleBody): BundleFields {
  if (!isShownBody(body)) return body.fields;
  return Object.fromEntries(Object.entries(body.shown).map(([name, { value }]) => [name, value]));
}

/** How many fields of a body are not shown. */
export const withheldOf = (body: BundleBody): number => (isShownBody(body) ? body.commitments.filter((one) => one !== null).length : 0);

/** What the envelope of a body of which some fields are shown carries as `root`. Error: `Malformed`. */
export function shownRoot(crypto: BundleCrypto, schema: string, { shown, commitments }: ShownBody): string {
  if (!hasOrder(schema)) throw new Malformed(`a body of ${schema} is shown whole or not at all`);
  const names = Object.keys(shown).sort();
  if (commitments.filter((one) => one === null).length !== names.length) throw new Malformed('the commitments do not leave one place for each field that is shown');
  let next = 0;
  const all = commitments.map((hidden) => {
    if (hidden !== null) return hidden;
    const name = names[next++]!;
    return commitmentOf(crypto, shown[name]!.salt, name, shown[name]!.value);
  });
  return sha256Text(crypto, all.join(''));
}

/**
 * The same body with only the fields of these names, and without what opens the others; null when its schema only knows whole bodies. What
 * is erased or hidden already stays so.
 */
export function narrowBody(crypto: BundleCrypto, schema: string, body: BundleBody, names: ReadonlySet<string>): ShownBody | null {
  if (!hasOrder(schema)) return null;
  return isShownBody(body) ? narrowShown(crypto, body, names) : narrowWhole(crypto, body, names);
}

function narrowWhole(crypto: BundleCrypto, { secret, fields, person }: WholeBody, asked: ReadonlySet<string>): ShownBody {
  const apart = person?.commitments ?? {};
  const names = [...new Set([...Object.keys(fields), ...Object.keys(apart)])].sort();
  const salts = saltsOf(fromBase64(secret), names.length);
  const personSalts = typeof person?.secret === 'string' ? saltsOf(fromBase64(person.secret), names.length) : '';
  const shown: [string, ShownBody['shown'][string]][] = [];
  const commitments = names.map((name, n) => {
    if (!Object.hasOwn(fields, name)) return apart[name]!;
    const salt = saltAt(Object.hasOwn(apart, name) ? personSalts : salts, n);
    if (!asked.has(name)) return commitmentOf(crypto, salt, name, fields[name]!);
    shown.push([name, { salt, value: fields[name]! }]);
    return null;
  });
  return { shown: Object.fromEntries(shown), commitments };
}

function narrowShown(crypto: BundleCrypto, { shown, commitments }: ShownBody, asked: ReadonlySet<string>): ShownBody {
  const names = Object.keys(shown).sort();
  let next = 0;
  const left = commitments.map((hidden) => {
    if (hidden !== null) return hidden;
    const name = names[next++]!;
    return asked.has(name) ? null : commitmentOf(crypto, shown[name]!.salt, name, shown[name]!.value);
  });
  return { shown: Object.fromEntries(names.filter((name) => asked.has(name)).map((name) => [name, shown[name]!])), commitments: left };
}

/** Whether the commitments of a schema stand in a list, so that some can be given without their names. */
const hasOrder = (schema: string): boolean => schema.endsWith('/2') || schema.endsWith('/3');
