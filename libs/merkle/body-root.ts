import { canonicalJson } from '../kernel/canonical-json.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { hmac, sha256Text } from './bundle-crypto.js';
import type { BundleFields, BundlePerson } from './bundle.js';
import { fromBase64, toHex, toUtf8 } from './bytes.js';
import { Malformed } from './malformed.js';

const saltBytes = 16;

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
    const salts = crypto.keystream(secret, names.length * saltBytes);
    const commitments = names.map((name, n) => sha256Text(crypto.hash, `${toHex(salts.subarray(n * saltBytes, (n + 1) * saltBytes))}${name}\0${canonicalJson(fields[name]!)}`));
    return sha256Text(crypto.hash, commitments.join(''));
  }
  if (!schema.endsWith('/1')) throw new Malformed(`commitments of ${schema} are not known here`);
  const commitment = (name: string): string => {
    const salt = hmac(crypto.hash, secret, toUtf8(`salt\0${name}`)).subarray(0, saltBytes);
    return toHex(hmac(crypto.hash, salt, toUtf8(`${name}\0${canonicalJson(fields[name]!)}`)));
  };
  return sha256Text(crypto.hash, canonicalJson(Object.fromEntries(names.map((name) => [name, commitment(name)]))));
}

/** Version 3: fields about a person have their salts from a secret of their own, and commitments that stand when it is gone. */
function rootWithPerson(crypto: BundleCrypto, secret: Uint8Array, fields: BundleFields, { commitments, secret: given }: BundlePerson): string {
  const personSecret = given === null ? null : fromBase64(given);
  if (personSecret !== null && personSecret.length !== 32) throw new Malformed('the secret of the part about a person has 32 bytes');
  const names = [...new Set([...Object.keys(fields), ...Object.keys(commitments)])].sort();
  const salts = crypto.keystream(secret, names.length * saltBytes);
  const personSalts = personSecret && crypto.keystream(personSecret, names.length * saltBytes);
  const all = names.map((name, n) => {
    const said = Object.hasOwn(commitments, name) ? commitments[name] : undefined;
    const shown = Object.hasOwn(fields, name);
    if (said !== undefined && shown !== (personSalts !== null)) throw new Malformed(`the field "${name}" about a person is ${shown ? 'there without its secret' : 'missing'}`);
    const from = said === undefined ? salts : personSalts;
    const made = shown && from !== null ? sha256Text(crypto.hash, `${toHex(from.subarray(n * saltBytes, (n + 1) * saltBytes))}${name}\0${canonicalJson(fields[name]!)}`) : said!;
    if (said !== undefined && made !== said) throw new Malformed(`the field "${name}" about a person is not what it was committed to`);
    return made;
  });
  return sha256Text(crypto.hash, all.join(''));
}
