import { concat, toUtf8 } from './bytes.js';
import type { NoteSignature } from './note.js';
import type { VerifierKey } from './verifier-key.js';

/** Cosigns the text of a checkpoint at a time in Unix seconds. */
export interface Cosigner {
  readonly key: VerifierKey;
  readonly cosign: (checkpointText: string, timeSeconds: number) => NoteSignature;
}

/** C2SP tlog-cosignature, Ed25519: what a witness signs about a checkpoint's text at a time in Unix seconds. */
export function cosignatureMessage(timeSeconds: number, checkpointText: string): Uint8Array {
  return toUtf8(`cosignature/v1\ntime ${timeSeconds}\n${checkpointText}`);
}

/** The signature field of a cosignature line: 8-byte big-endian time ‖ 64-byte signature. */
export function packCosignature(timeSeconds: number, signature: Uint8Array): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(timeSeconds));
  return concat(time, signature);
}

/** Inverse of {@link packCosignature}; undefined when it has another length or a time beyond 2⁵³. */
export function unpackCosignature(field: Uint8Array): { timeSeconds: number; signature: Uint8Array } | undefined {
  if (field.length !== 72) return undefined;
  const time = new DataView(field.buffer, field.byteOffset, 8).getBigUint64(0);
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { timeSeconds: Number(time), signature: field.slice(8) };
}
