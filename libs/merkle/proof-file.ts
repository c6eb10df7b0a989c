import { fromBase64, fromUtf8, toBase64 } from './bytes.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { hashBytes, type Hash } from './hash.js';
import { Malformed } from './malformed.js';
import type { VerifySignature } from './note.js';
import { leafHash } from './tree.js';
import { verifyInclusion } from './verify.js';
import type { VerifierKey } from './verifier-key.js';

/** C2SP tlog-proof v1 (`.tlog-proof`): one entry's inclusion proof with the checkpoint it leads to. */
export interface ProofFile {
  /** Free bytes for the reader; nothing authenticates them. */
  readonly extra?: Uint8Array;
  readonly index: number;
  /** Leaf to root. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

const header = 'c2sp.org/tlog-proof@v1';
/** A tree of 2⁵³ entries has proofs of at most 53 hashes; the format allows 63. */
const proofLengthMax = 63;

export function formatProofFile(file: ProofFile): string {
  const extra = file.extra === undefined ? [] : [`extra ${toBase64(file.extra)}`];
  return [header, ...extra, `index ${file.index}`, ...file.proof.map(toBase64), '', file.checkpoint].join('\n');
}

/** Inverse of {@link formatProofFile}. Error: `Malformed`. */
export function parseProofFile(input: string | Uint8Array): ProofFile {
  try {
    const text = typeof input === 'string' ? input : fromUtf8(input);
    const split = text.indexOf('\n\n');
    const lines = text.slice(0, split).split('\n');
    if (split < 0 || lines.shift() !== header) throw new Malformed(`a proof file starts with ${header}`);
    const extra = lines[0]?.startsWith('extra ') ? fromBase64(lines.shift()!.slice('extra '.length)) : undefined;
    const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1];
    if (index === undefined || !Number.isSafeInteger(Number(index))) throw new Malformed('a proof file names an index');
    const proof = lines.map(fromBase64);
    if (proof.length > proofLengthMax || proof.some((hash) => hash.length !== hashBytes)) throw new Malformed('a proof is at most 63 hashes');
    return { ...(extra && { extra }), index: Number(index), proof, checkpoint: text.slice(split + 2) };
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed('a proof file is text with hashes in base64');
  }
}

/** What a verifier trusts, and how it computes. */
export interface ProofTrust {
  readonly hash: Hash;
  readonly verify: VerifySignature;
  readonly logKey: VerifierKey;
  readonly witnesses?: readonly VerifierKey[];
}

/**
 * Checks that the exact bytes of an entry are in the log, from the file alone: signatures, then inclusion.
 * Gives the entry's index and the checkpoint with the witnesses that signed it. Error: `Malformed`, naming what failed.
 */
export function verifyProofFile(
  input: string | Uint8Array,
  entry: Uint8Array,
  trust: ProofTrust,
): { readonly index: number; readonly checkpoint: Checkpoint & { readonly witnessedBy: readonly VerifierKey[] } } {
  const { index, proof, checkpoint: note } = parseProofFile(input);
  const checkpoint = openCheckpoint(note, trust.logKey, trust.verify, trust.witnesses);
  const included = verifyInclusion(trust.hash, { leafHash: leafHash(trust.hash, entry), index, proof, size: checkpoint.size, root: checkpoint.root });
  if (!included) throw new Malformed(`the entry is not number ${index} of the log at size ${checkpoint.size}`);
  return { index, checkpoint };
}
