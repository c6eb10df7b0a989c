import { randomBytes } from 'node:crypto';
import type { Wallet } from 'ethers';
import type { FacilitatorRequest } from '#protocol';

const fields = ['from:address', 'to:address', 'value:uint256', 'validAfter:uint256', 'validBefore:uint256', 'nonce:bytes32'].map((field) => ({ name: field.split(':')[0]!, type: field.split(':')[1]! }));
const names = { name: 'Mizan Test Dollar', version: '1' };

/** An EIP-3009 payment in test dollars on a local chain, as an x402 client brings it. `from`: whose money it is, where that is not the signer's. */
export async function paymentBy(signer: Wallet, { token, payTo, amount = 7n, from = signer.address, seconds = 300 }: { token: string; payTo: string; amount?: bigint; from?: string; seconds?: number }): Promise<FacilitatorRequest> {
  const authorization = { from, to: payTo, value: amount.toString(), validAfter: '0', validBefore: Math.floor(Date.now() / 1_000 + seconds).toString(), nonce: `0x${randomBytes(32).toString('hex')}` };
  const signature = await signer.signTypedData({ ...names, chainId: 31_337, verifyingContract: token }, { TransferWithAuthorization: fields }, authorization);
  const accepted = { scheme: 'exact', network: 'eip155:31337', amount: amount.toString(), asset: token, payTo, maxTimeoutSeconds: 300, extra: names };
  return { x402Version: 2, paymentPayload: { x402Version: 2, accepted, payload: { signature, authorization } }, paymentRequirements: accepted };
}
