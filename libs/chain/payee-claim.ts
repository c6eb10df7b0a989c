import { getAddress, hashMessage, Interface, recoverAddress, TypedDataEncoder } from 'ethers';
import { payeeClaimText, payeeClaimTypes, payeeSubjectText } from '#protocol';
import type { PayeeClaim, PayeeProofScheme } from '#protocol';

export const payeeClaimDomain = ({ chainId, escrow }: Pick<PayeeClaim, 'chainId' | 'escrow'>) => ({ name: 'Mizan payee', version: '1', chainId, verifyingContract: getAddress(escrow.toLowerCase()) });

export const payeeClaimMessage = ({ payee, subject, validUntil }: PayeeClaim) => ({ payee: getAddress(payee.toLowerCase()), subject: payeeSubjectText(subject), validUntil });

/** What may be signed for a claim: either is as good. */
export function payeeClaimDigests(claim: PayeeClaim): { readonly eip191: string; readonly eip712: string } {
  return { eip191: hashMessage(payeeClaimText(claim)), eip712: TypedDataEncoder.hash(payeeClaimDomain(claim), payeeClaimTypes, payeeClaimMessage(claim)) };
}

/** How the address's own key signed; null: it did not. */
export function claimedByKey(claim: PayeeClaim, signature: string): Extract<PayeeProofScheme, `${string}-key`> | null {
  const { eip191, eip712 } = payeeClaimDigests(claim);
  const payee = getAddress(claim.payee.toLowerCase());
  const signed = (digest: string): boolean => {
    try {
      return recoverAddress(digest, signature) === payee;
    } catch {
      return false;
    }
  };
  return signed(eip191) ? 'eip191-key' : signed(eip712) ? 'eip712-key' : null;
}

const wallet = new Interface(['function isValidSignature(bytes32 digest, bytes signature) view returns (bytes4)']);

/** The question to a wallet that is a contract (ERC-1271), and whether an answer is the only good one. */
export const walletQuestion = (digest: string, signature: string): string => wallet.encodeFunctionData('isValidSignature', [digest, signature]);
export const walletAgrees = (answer: string): boolean => answer === `0x1626ba7e${'00'.repeat(28)}`;
