import { fromBase64, toBase64 } from './bytes.js';
import { hashBytes } from './hash.js';
import { Malformed } from './malformed.js';
import { openNote, signNote, type Note, type NoteSigner, type VerifySignature } from './note.js';
import { decimalPosition } from './subtrees.js';
import type { VerifierKey } from './verifier-key.js';

/** C2SP tlog-checkpoint: the state of one log. `origin` names the log and is also the name of its key. */
export interface Checkpoint {
  readonly origin: string;
  /** Entries in the tree, below 2⁵³. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** The text that is signed: origin, size, root. Error: `Malformed`. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const text = `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`;
  parseCheckpoint(text);
  return text;
}

/** Inverse of {@link formatCheckpoint}; extension lines are allowed and left out. Error: `Malformed`. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, sizeText, root] = lines;
  if (lines.length < 4 || lines.at(-1) !== '' || lines.slice(0, -1).includes('')) throw new Malformed('a checkpoint has no empty lines');
  const size = decimalPosition(sizeText!);
  if (size === undefined) throw new Malformed('the size of a checkpoint is decimal');
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(root!);
  } catch {
    throw new Malformed('the root of a checkpoint is base64');
  }
  if (bytes.length !== hashBytes) throw new Malformed(`the root of a checkpoint has ${hashBytes} bytes`);
  return { origin: origin!, size, root: bytes };
}

/** The checkpoint as a note signed by the log. Error: `Malformed` when the key's name is not the origin. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  if (signer.key.name !== checkpoint.origin) throw new Malformed('the key of a log is named by its origin');
  return signNote(formatCheckpoint(checkpoint), signer);
}

/**
 * Opens a signed checkpoint: the log's own signature must be there and hold, and every signature of a known witness must hold.
 * Error: `Malformed`.
 */
export function openCheckpoint(
  note: string | Uint8Array | Note,
  logKey: VerifierKey,
  verify: VerifySignature,
  witnesses: readonly VerifierKey[] = [],
): Checkpoint & { readonly witnessedBy: readonly VerifierKey[] } {
  const { text, signedBy } = openNote(note, [logKey, ...witnesses], verify);
  const checkpoint = parseCheckpoint(text);
  if (!signedBy.includes(logKey)) throw new Malformed(`the log ${logKey.name} has not signed the checkpoint`);
  if (checkpoint.origin !== logKey.name) throw new Malformed(`the checkpoint is of ${checkpoint.origin}, not of ${logKey.name}`);
  return { ...checkpoint, witnessedBy: signedBy.filter((key) => key !== logKey) };
}
