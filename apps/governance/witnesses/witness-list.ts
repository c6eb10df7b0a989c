import { parseVerifierKey, sha256, SignatureType, type VerifierKey } from '#merkle';

/** A witness that is asked to cosign checkpoints. */
export interface WitnessAddress {
  /** Where `/add-checkpoint` is appended, without a final slash. */
  readonly url: string;
  readonly key: VerifierKey;
}

/**
 * Reads `<url> <verifier key>` pairs, divided by commas or newlines. Error: `Error`, saying what is wrong, when an address is no http(s)
 * URL, a key is none of a witness, or two keys have one name.
 */
export function witnessList(text: string): WitnessAddress[] {
  const lines = text.split(/[\n,]/).map((line) => line.trim()).filter((line) => line !== '');
  const witnesses = lines.map((line) => {
    const [url, vkey, ...rest] = line.split(/\s+/);
    if (vkey === undefined || rest.length > 0 || !/^https?:\/\/[^\s]+$/.test(url!)) throw new Error(`"${line}" does not read: URL, space, verifier key`);
    const key = parseVerifierKey(sha256, vkey);
    if (key.type !== SignatureType.cosignature) throw new Error(`${key.name} is not the key of a witness`);
    return { url: url!.replace(/\/$/, ''), key };
  });
  const names = new Set(witnesses.map(({ key }) => key.name));
  if (names.size !== witnesses.length) throw new Error('two witnesses have one name');
  return witnesses;
}
