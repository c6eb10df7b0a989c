import { Malformed, parseVerifierKey, sha256, SignatureType, type VerifierKey } from '#merkle';

/** The logs that a witness speaks about, by origin. */
export type KnownLogs = ReadonlyMap<string, VerifierKey>;

/** Error: `Malformed` when a text is no verifier key of a log, or two are of one origin. */
export function knownLogs(keys: readonly string[]): KnownLogs {
  const logs = new Map<string, VerifierKey>();
  for (const text of keys) {
    const key = parseVerifierKey(sha256, text);
    if (key.type !== SignatureType.ed25519) throw new Malformed(`${key.name} is the key of a witness, not of a log`);
    if (logs.has(key.name)) throw new Malformed(`the log ${key.name} is named twice`);
    logs.set(key.name, key);
  }
  return logs;
}
