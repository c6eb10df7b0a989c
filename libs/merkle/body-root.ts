import { canonicalJson } from '../kernel/canonical-json.js';
import type { Json } from '../kernel/canonical-json.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { hmac, sha256Text } from './bundle-crypto.js';
import type { BundleFields, BundlePerson } from './bundle.js';
import { fromBase64, toHex, toUtf8 } from './bytes.js';
import { Malformed } from './malformed.js';

export const saltBytes = 16;

/**
 * What an entry's envelope carries as `root`, from the body: by the version that its schema ends in. The same as the producer's
 * `commitmentRoot`, with the crypto as a parameter. Error: `Malformed`.
 */
export function bodyRoot(crypto: BundleCrypto, schema: string, secret: Uint8Array, fields: BundleFields, person?: BundlePerson): string {
  if (secret.length !== 32) throw new Malformed('the secret of a body has 32 bytes');
  if (schema.endsWith('/3') !== (person !== undefined)) throw new Malformed(`a body of ${schema} ${person === undefined ? 'has' : 'does not have'} a part about a person`);
  if (person !== undefined) return rootWithPerson(crypto, secret, fields, person);
  const names = Object.keys(fields).sort();
  if (schema.endsWith('/2')) {
    const salts = saltsOf(crypto, secret, names.length);
    let commitments = '';
    for (let n = 0; n < names.length; n += 1) commitments += commitment(crypto, salts, n, names[n]!, fields);
    return sha256Text(crypto, commitments);
  }
  if (!schema.endsWith('/1')) throw new Malformed(`commitments of ${schema} are not known here`);
  const byHmac = (name: string): string => {
    const salt = hmac(crypto.hash, secret, toUtf8(`salt\0${name}`)).subarray(0, saltBytes);
    return toHex(hmac(crypto.hash, salt, toUtf8(`${name}\0${canonicalJson(fields[name]!)}`)));
  };
  return sha256Text(crypto, canonicalJson(Object.fromEntries(names.map((name) => [name, byHmac(name)]))));
}

/** Version 3: fields about a person have their salts from a secret of their own, and commitments that stand when it is gone. */
function rootWithPerson(crypto: BundleCrypto, secret: Uint8Array, fields: BundleFields, { commitments, secret: given }: BundlePerson): string {
  const personSecret = given === null ? null : fromBase64(given);
  if (personSecret !== null && personSecret.length !== 32) throw new Malformed('the secret of the part about a person has 32 bytes');
  const names = [...new Set([...Object.keys(fields), ...Object.keys(commitments)])].sort();
  const salts = saltsOf(crypto, secret, names.length);
  const personSalts = personSecret && saltsOf(crypto, personSecret, names.length);
  const all = names.map((name, n) => {
    const said = Object.hasOwn(commitments, name) ? commitments[name] : undefined;
    const shown = Object.hasOwn(fields, name);
    if (said !== undefined && shown !== (personSalts !== null)) throw new Malformed(`the field "${name}" about a person is ${shown ? 'there without its secret' : 'missing'}`);
    const from = said === undefined ? salts : personSalts;
    const made = shown && from !== null ? commitment(crypto, from, n, name, fields) : said!;
    if (said !== undefined && made !== said) throw new Malformed(`the field "${name}" about a person is not what it was committed to`);
    return made;
  });
  return sha256Text(crypto, all.join(''));
}

/** Salts of so many fields, in hexadecimal, one after the other. */
export const saltsOf = (crypto: BundleCrypto, secret: Uint8Array, count: number): string => toHex(crypto.keystream(secret, count * saltBytes));
const commitment = (crypto: BundleCrypto, salts: string, n: number, name: string, fields: BundleFields): string =>
  commitmentOf(crypto, salts.slice(2 * n * saltBytes, 2 * (n + 1) * saltBytes), name, fields[name]!);

/** The commitment, in hexadecimal as is the salt, of one field of a body of version 2 or 3. */
export const commitmentOf = (crypto: BundleCrypto, salt: string, name: string, value: Json): string => sha256Text(crypto, `${salt}${name}\0${canonicalJson(value)}`);
