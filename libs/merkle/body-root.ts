import { canonicalJson, sortedKeys } from '../kernel/canonical-json.js';
import type { Json } from '../kernel/canonical-json.js';
import { aesBlockBytes, aesKeystream } from './aes-ctr.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { hmac, sha256Text } from './bundle-crypto.js';
import type { BundleFields, BundlePerson } from './bundle.js';
import { fromBase64, toHex, toUtf8 } from './bytes.js';
import { Malformed } from './malformed.js';

/** A block of the keystream each. */
const saltBytes = aesBlockBytes;
const saltDigits = 2 * saltBytes;

/**
 * What an entry's envelope carries as `root`, from the body: by the version that its schema ends in. The same as the producer's
 * `commitmentRoot`, with the crypto as a parameter. `texts` are the fields as RFC 8785 text in the order of their names, where they are known. Error: `Malformed`.
 */
export function bodyRoot(crypto: BundleCrypto, schema: string, secret: Uint8Array, fields: BundleFields, person?: BundlePerson, texts?: readonly string[]): string {
  if (secret.length !== 32) throw new Malformed('the secret of a body has 32 bytes');
  if (schema.endsWith('/3') !== (person !== undefined)) throw new Malformed(`a body of ${schema} ${person === undefined ? 'has' : 'does not have'} a part about a person`);
  if (person !== undefined) return rootWithPerson(crypto, secret, fields, person, texts);
  const names = sortedKeys(fields);
  if (schema.endsWith('/2')) {
    const salts = saltsOf(secret, names.length);
    let commitments = '';
    for (let n = 0; n < names.length; n += 1) commitments += committed(crypto, saltAt(salts, n), names[n]!, texts?.[n] ?? canonicalJson(fields[names[n]!]!));
    return sha256Text(crypto, commitments);
  }
  if (!schema.endsWith('/1')) throw new Malformed(`commitments of ${schema} are not known here`);
  const byHmac = (name: string): string => {
    const salt = hmac(crypto.hash, secret, toUtf8(`salt\0${name}`)).subarray(0, saltBytes);
    return toHex(hmac(crypto.hash, salt, toUtf8(`${name}\0${canonicalJson(fields[name]!)}`)));
  };
  return sha256Text(crypto, canonicalJson(Object.fromEntries(names.map((name) => [name, byHmac(name)]))));
}

/** Fields that name a person, and no others: of one that is erased nothing else would prove its name. */
const personNames: ReadonlySet<string> = new Set(['subject', 'tags']);

/** Version 3: fields about a person have their salts from a secret of their own, and commitments that stand when it is gone. */
function rootWithPerson(crypto: BundleCrypto, secret: Uint8Array, fields: BundleFields, { commitments, secret: given }: BundlePerson, texts?: readonly string[]): string {
  const odd = Object.keys(commitments).find((name) => !personNames.has(name));
  if (odd !== undefined) throw new Malformed(`the field "${odd}" is none that names a person`);
  const personSecret = given === null ? null : fromBase64(given);
  if (personSecret !== null && personSecret.length !== 32) throw new Malformed('the secret of the part about a person has 32 bytes');
  const names = [...new Set([...Object.keys(fields), ...Object.keys(commitments)])].sort();
  const salts = saltsOf(secret, names.length);
  const personSalts = personSecret && saltsOf(personSecret, names.length);
  let next = 0;
  const all = names.map((name, n) => {
    const said = Object.hasOwn(commitments, name) ? commitments[name] : undefined;
    const shown = Object.hasOwn(fields, name);
    if (said !== undefined && shown !== (personSalts !== null)) throw new Malformed(`the field "${name}" about a person is ${shown ? 'there without its secret' : 'missing'}`);
    const from = said === undefined ? salts : personSalts;
    const value = shown ? (texts?.[next++] ?? canonicalJson(fields[name]!)) : undefined;
    const made = value !== undefined && from !== null ? committed(crypto, saltAt(from, n), name, value) : said!;
    if (said !== undefined && made !== said) throw new Malformed(`the field "${name}" about a person is not what it was committed to`);
    return made;
  });
  return sha256Text(crypto, all.join(''));
}

/** Salts of so many fields, in hexadecimal, one after the other. */
export const saltsOf = (secret: Uint8Array, count: number): string => toHex(aesKeystream(secret, count));
/** The salt of field n of a body. */
export const saltAt = (salts: string, n: number): string => salts.slice(n * saltDigits, (n + 1) * saltDigits);

/** The commitment, in hexadecimal as is the salt, of one field of a body of version 2 or 3. */
export const commitmentOf = (crypto: BundleCrypto, salt: string, name: string, value: Json): string => committed(crypto, salt, name, canonicalJson(value));
const committed = (crypto: BundleCrypto, salt: string, name: string, text: string): string => sha256Text(crypto, `${salt}${name}\0${text}`);
