import { isOperatorsOwn, Missing, parseVerifierKey, sha256, verifyProofFile, verifySignature } from '#merkle';
import type { KeyHistory } from '#merkle';
import { bodyMatchesEnvelope, parseEnvelope, recordProof } from '#protocol';
import { KnownKeys } from './known-keys.js';

/** One entry of a proof file, checked from the file alone. */
export interface ProvenEntry {
  readonly record: string;
  readonly type: string;
  readonly time: string;
  readonly index: number;
  /** Entries in the log under the signed checkpoint. */
  readonly logSize: number;
  /** Whether the file discloses the body, which then is the one that the entry commits to. */
  readonly disclosed: boolean;
  /** Names of the reader's witnesses that have cosigned that checkpoint. */
  readonly witnessedBy: readonly string[];
}

export interface ProofVerdict {
  readonly valid: boolean;
  /** Not valid, since something could not be checked, and nothing is wrong. */
  readonly incomplete: boolean;
  readonly record: string | undefined;
  readonly logKey: string | undefined;
  /** True when the reader brought the key and did not take it from the file. */
  readonly keyPinned: boolean;
  readonly entries: readonly ProvenEntry[];
  /** Who else than the operator is known to have seen the log that the file proves from; `none`: it may be shown to this reader alone. */
  readonly outsideMemory: readonly string[] | 'none';
  /** What does not hold. */
  readonly error: string | undefined;
}

/**
 * Verifies a record's proof file without asking anybody: each entry's exact bytes are in the log whose key signed the checkpoint, all
 * are of one record, and a disclosed body is what its entry commits to. `pinnedKey`: the log's key as the reader knows it. `witnessKeys`:
 * verifier keys of witnesses that the reader trusts; cosignatures of all others count for nothing, the operator's own too. `history`: the keys that follow from the pinned one.
 */
export function verifyOffline(text: string, pinnedKey: string | undefined, witnessKeys: readonly string[] = [], history?: KeyHistory): ProofVerdict {
  let logKey = pinnedKey;
  let record: string | undefined;
  const entries: ProvenEntry[] = [];
  const verdict = (error: string | undefined, incomplete = false): ProofVerdict => ({ valid: error === undefined, incomplete, record, logKey, keyPinned: pinnedKey !== undefined, entries, outsideMemory: error === undefined ? memoryIn(entries) : 'none', error });
  try {
    const proof = recordProof.parse(JSON.parse(text));
    logKey ??= proof.logKey;
    const keys = new KnownKeys(parseVerifierKey(sha256, logKey), history);
    if (keys.has(proof.logKey)) logKey = proof.logKey;
    if (proof.entries.length === 0) return verdict('the file proves no entry');
    const trust = { hash: sha256, verify: verifySignature, logKey: keys.named(logKey), witnesses: witnessKeys.map((key) => parseVerifierKey(sha256, key)) };
    for (const { entry, proof: file } of proof.entries) {
      const bytes = Buffer.from(entry.envelope, 'base64');
      const envelope = parseEnvelope(bytes);
      record ??= envelope.id;
      if (envelope.id !== record) return verdict(`the file mixes the records ${record} and ${envelope.id}`);
      if (envelope.id !== entry.id || envelope.type !== entry.type || Date.parse(envelope.time) !== entry.timeMs) return verdict('an entry says something else than its own bytes');
      if (entry.body && !bodyMatchesEnvelope(entry.body, envelope)) return verdict(`the body of ${envelope.type} is not the one that its entry commits to`);
      const { index, checkpoint } = verifyProofFile(file, bytes, trust);
      keys.requireOfTheLog(trust.logKey, checkpoint);
      if (index !== entry.index) return verdict(`entry ${entry.index} is number ${index} by its proof`);
      entries.push({ record, type: envelope.type, time: envelope.time, index, logSize: checkpoint.size, disclosed: entry.body !== null, witnessedBy: checkpoint.witnessedBy.filter((key) => !isOperatorsOwn(key, trust.logKey)).map(({ name }) => name) });
    }
    return verdict(undefined);
  } catch (error) {
    return verdict(error instanceof SyntaxError ? 'the file is not JSON' : error instanceof Error && error.name === 'ZodError' ? 'the file is not a proof of a record' : (error as Error).message, error instanceof Missing);
  }
}

/** Witnesses that have seen every checkpoint of the file. */
function memoryIn(entries: readonly ProvenEntry[]): readonly string[] | 'none' {
  const [first, ...rest] = entries;
  const seen = first?.witnessedBy.filter((name) => rest.every(({ witnessedBy }) => witnessedBy.includes(name))) ?? [];
  return seen.length > 0 ? seen : 'none';
}
