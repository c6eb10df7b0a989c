import { randomBytes } from 'node:crypto';
import { concat, dataLength, dataSlice, toBeHex } from 'ethers';
import type { Wallet } from 'ethers';
import type { FacilitatorRequest } from '#protocol';

const fields = ['from:address', 'to:address', 'value:uint256', 'validAfter:uint256', 'validBefore:uint256', 'nonce:bytes32'].map((field) => ({ name: field.split(':')[0]!, type: field.split(':')[1]! }));
const names = { name: 'Mizan Test Dollar', version: '1' };

/** An EIP-3009 payment in test dollars on a local chain, as an x402 client brings it. `from`: whose money it is, where that is not the signer's. */
export async function paymentBy(
  signer: Wallet,
  { token, payTo, amount = 7n, from = signer.address, seconds = 300, nonce = `0x${randomBytes(32).toString('hex')}` }: { token: string; payTo: string; amount?: bigint; from?: string; seconds?: number; nonce?: string },
): Promise<FacilitatorRequest> {
  const authorization = { from, to: payTo, value: amount.toString(), validAfter: '0', validBefore: Math.floor(Date.now() / 1_000 + seconds).toString(), nonce };
  const signature = await signer.signTypedData({ ...names, chainId: 31_337, verifyingContract: token }, { TransferWithAuthorization: fields }, authorization);
  const accepted = { scheme: 'exact', network: 'eip155:31337', amount: amount.toString(), asset: token, payTo, maxTimeoutSeconds: 300, extra: names };
  return { x402Version: 2, paymentPayload: { x402Version: 2, accepted, payload: { signature, authorization } }, paymentRequirements: accepted };
}

/** Code that makes several calls in the one transaction which creates it, whether they succeed or not; what follows is carried along. */
export function batchOf(calls: readonly { target: string; data: string }[], trailing = '0x'): string {
  const words = (data: string): string[] => Array.from({ length: Math.ceil(dataLength(data) / 32) }, (_, at) => dataSlice(data, at * 32, Math.min(dataLength(data), at * 32 + 32)).padEnd(66, '0'));
  const made = calls.map(({ target, data }) =>
    // PUSH32 word, PUSH2 place, MSTORE; then CALL with no value and nothing kept of the answer.
    concat([...words(data).map((word, at) => concat(['0x7f', word, '0x61', toBeHex(at * 32, 2), '0x52'])), '0x6000600061', toBeHex(dataLength(data), 2), '0x6000600073', target, '0x5af150']),
  );
  return concat([...made, '0x00', trailing]);
}
