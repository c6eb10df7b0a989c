import { openCheckpoint, parseVerifierKey, sha256, verifySignature } from '#merkle';
import { governanceCalls } from '#protocol';

/** A checkpoint whose signature holds. */
export interface SignedHead {
  readonly size: number;
  readonly root: Uint8Array;
  /** C2SP verifier key under which it was opened. */
  readonly logKey: string;
}

/**
 * Fetches the log's newest checkpoint from the API and opens it: with `pinnedKey` where one is given, else with the key that
 * comes with it (which proves nothing about who runs the log). Error: unreachable, or the signature does not hold.
 */
export async function fetchSignedHead(api: string, key: string, pinnedKey: string | undefined): Promise<SignedHead> {
  const response = await fetch(`${api}/v1/audit/checkpoint`, { headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`the API answered ${response.status} when asked for the checkpoint`);
  return openSignedHead(governanceCalls.checkpoint.reply.parse(await response.json()), pinnedKey);
}

/** Error: `Malformed` when the signature does not hold. */
export function openSignedHead(reply: { note: string; logKey: string }, pinnedKey: string | undefined): SignedHead {
  const logKey = pinnedKey ?? reply.logKey;
  const { size, root } = openCheckpoint(reply.note, parseVerifierKey(sha256, logKey), verifySignature);
  return { size, root, logKey };
}
