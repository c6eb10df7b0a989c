import { canonicalJson } from '../kernel/canonical-json.js';
import type { BundleCrypto } from './bundle-crypto.js';
import { hmac, sha256Text } from './bundle-crypto.js';
import type { BundleFields } from './bundle.js';
import { toHex, toUtf8 } from './bytes.js';
import { Malformed } from './malformed.js';

const saltBytes = 16;

/**
 * What an entry's envelope carries as `root`, from the body: by the version that its schema ends in. The same as the producer's
 * `commitmentRoot`, with the crypto as a parameter. Error: `Malformed`.
 */
export function bodyRoot(crypto: BundleCrypto, schema: string, secret: Uint8Array, fields: BundleFields): string {
  if (secret.length !== 32) throw new Malformed('the secret of a body has 32 bytes');
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
