import { getAddress, verifyMessage } from 'ethers';
import { payeeProofText } from '#protocol';

/** How long a proof is good, and how far its clock may be ahead. */
const proofMs = 5 * 60_000;
const aheadMs = 60_000;

/** Whether the holder of the payee's key signed the proof's text a moment ago. A contract's address cannot prove itself like this. */
export function provesPayee(payee: string, { signedAtMs, signature }: { signedAtMs: number; signature: string }, nowMs: number): boolean {
  if (signedAtMs < nowMs - proofMs || signedAtMs > nowMs + aheadMs) return false;
  try {
    return verifyMessage(payeeProofText(payee, signedAtMs), signature) === getAddress(payee.toLowerCase());
  } catch {
    return false;
  }
}
