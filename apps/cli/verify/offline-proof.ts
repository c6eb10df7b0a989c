import { parseVerifierKey, sha256, verifyProofFile, verifySignature } from '#merkle';
import { bodyMatchesEnvelope, parseEnvelope, recordProof } from '#protocol';

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
}

export interface ProofVerdict {
  readonly valid: boolean;
  readonly record: string | undefined;
  readonly logKey: string | undefined;
  /** True when the reader brought the key and did not take it from the file. */
  readonly keyPinned: boolean;
  readonly entries: readonly ProvenEntry[];
  /** What does not hold. */
  readonly error: string | undefined;
}

/**
 * Verifies a record's proof file without asking anybody: each entry's exact bytes are in the log whose key signed the checkpoint, all
 * are of one record, and a disclosed body is what its entry commits to. `pinnedKey`: the log's key as the reader knows it.
 */
export function verifyOffline(text: string, pinnedKey: string | undefined): ProofVerdict {
  let logKey = pinnedKey;
  let record: string | undefined;
  const entries: ProvenEntry[] = [];
  const verdict = (error: string | undefined): ProofVerdict => ({ valid: error === undefined, record, logKey, keyPinned: pinnedKey !== undefined, entries, error });
  try {
    const proof = recordProof.parse(JSON.parse(text));
    logKey ??= proof.logKey;
    if (proof.entries.length === 0) return verdict('the file proves no entry');
    const trust = { hash: sha256, verify: verifySignature, logKey: parseVerifierKey(sha256, logKey) };
    for (const { entry, proof: file } of proof.entries) {
      const bytes = Buffer.from(entry.envelope, 'base64');
      const envelope = parseEnvelope(bytes);
      record ??= envelope.id;
      if (envelope.id !== record) return verdict(`the file mixes the records ${record} and ${envelope.id}`);
      if (envelope.id !== entry.id || envelope.type !== entry.type || Date.parse(envelope.time) !== entry.timeMs) return verdict('an entry says something else than its own bytes');
      if (entry.body && !bodyMatchesEnvelope(entry.body, envelope)) return verdict(`the body of ${envelope.type} is not the one that its entry commits to`);
      const { index, checkpoint } = verifyProofFile(file, bytes, trust);
      if (index !== entry.index) return verdict(`entry ${entry.index} is number ${index} by its proof`);
      entries.push({ record, type: envelope.type, time: envelope.time, index, logSize: checkpoint.size, disclosed: entry.body !== null });
    }
    return verdict(undefined);
  } catch (error) {
    return verdict(error instanceof SyntaxError ? 'the file is not JSON' : error instanceof Error && error.name === 'ZodError' ? 'the file is not a proof of a record' : (error as Error).message);
  }
}
