import { fromBase64, fromUtf8, toBase64 } from './bytes.js';
import { hashBytes } from './hash.js';
import { Malformed } from './malformed.js';

/** C2SP tlog-witness: what a log sends to a witness that is to cosign its checkpoint. */
export interface AddCheckpoint {
  /** Size of the checkpoint that the witness is thought to have cosigned last; 0 when unknown. */
  readonly oldSize: number;
  /** Consistency proof from that size; empty from 0. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

/** Content type of the size that comes with a 409. */
export const sizeContentType = 'text/x.tlog.size';
/** A consistency proof of a tree below 2⁶³ entries. */
const proofLinesMax = 63;

export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  return [`old ${oldSize}`, ...proof.map(toBase64), '', checkpoint].join('\n');
}

/** Inverse of {@link formatAddCheckpoint}. Error: `Malformed`. */
export function parseAddCheckpoint(input: string | Uint8Array): AddCheckpoint {
  try {
    const text = typeof input === 'string' ? input : fromUtf8(input);
    const split = text.indexOf('\n\n');
    const [first, ...lines] = text.slice(0, Math.max(split, 0)).split('\n');
    const oldSize = /^old (0|[1-9]\d{0,15})$/.exec(first!)?.[1];
    if (oldSize === undefined || !Number.isSafeInteger(Number(oldSize))) throw new Malformed('the first line reads: old, size');
    const proof = lines.map(fromBase64);
    if (proof.length > proofLinesMax || proof.some((hash) => hash.length !== hashBytes)) throw new Malformed(`a proof is at most ${proofLinesMax} hashes`);
    return { oldSize: Number(oldSize), proof, checkpoint: text.slice(split + 2) };
  } catch (error) {
    if (error instanceof Malformed) throw error;
    throw new Malformed('the lines of a proof are base64');
  }
}

/** Inverse of the body of a 409. Error: `Malformed`. */
export function parseTreeSize(text: string): number {
  const size = /^(0|[1-9]\d{0,15})\n$/.exec(text)?.[1];
  if (size === undefined || !Number.isSafeInteger(Number(size))) throw new Malformed('a size is decimal and one line');
  return Number(size);
}
