import { getAddress, verifyMessage } from 'ethers';
import { payeeProofText } from '#protocol';

/** How long a proof is good, and how far its clock may be ahead. */
const proofMs = 5 * 60_000;
const aheadMs = 60_000;

interface SignedAt {
  readonly signedAtMs: number;
  readonly signature: string;
}

/** Whether the holder of an address's key signed the text of a moment (EIP-191) that is just over. A contract's address cannot prove itself like this. */
export function signedJustNow(address: string, textAt: (signedAtMs: number) => string, { signedAtMs, signature }: SignedAt, nowMs: number): boolean {
  if (signedAtMs < nowMs - proofMs || signedAtMs > nowMs + aheadMs) return false;
  try {
    return verifyMessage(textAt(signedAtMs), signature) === getAddress(address.toLowerCase());
  } catch {
    return false;
  }
}

/** Whether the holder of the payee's key signed the proof's text a moment ago. */
export function provesPayee(payee: string, proof: SignedAt, nowMs: number): boolean {
  return signedJustNow(payee, (signedAtMs) => payeeProofText(payee, signedAtMs), proof, nowMs);
}
