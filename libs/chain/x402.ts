import { getAddress, Interface, recoverAddress, Signature, TypedDataEncoder } from 'ethers';
import type { TypedDataField } from 'ethers';
import { payerOf } from '#protocol';
import type { Eip3009Payload, PaymentPayload, PaymentRequirements } from '#protocol';

/** Permit2 and the two proxies of x402 stand at these addresses on every chain that has them. */
export const permit2Address = '0x000000000022D473030F116dDEE9F6B43aC78BA3';
export const x402Proxies = { exact: '0x402085c248EeA27D92E8b30b2C58ed07f9E20001', upto: '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002' } as const;
export type X402Scheme = keyof typeof x402Proxies;

/** A token's own EIP-712 names, which its authorisations are signed under. */
export interface TokenDomain {
  readonly name: string;
  readonly version: string;
}

const permit = 'tuple(tuple(address token, uint256 amount) permitted, uint256 nonce, uint256 deadline) permit';

/** What is called and read to take payments, by the published interfaces. */
export const x402Interface = new Interface([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
  'function authorizationState(address authorizer, bytes32 nonce) view returns (bool)',
  'function balanceOf(address account) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function decimals() view returns (uint8)',
  'function name() view returns (string)',
  'function version() view returns (string)',
  'function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)',
  'function nonceBitmap(address owner, uint256 word) view returns (uint256)',
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
  `function settle(${permit}, address owner, tuple(address to, uint256 validAfter) witness, bytes signature)`,
  `function settle(${permit}, uint256 amount, address owner, tuple(address to, address facilitator, uint256 validAfter) witness, bytes signature)`,
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)',
]);

const transferTypes: Record<string, TypedDataField[]> = {
  TransferWithAuthorization: ['address from', 'address to', 'uint256 value', 'uint256 validAfter', 'uint256 validBefore', 'bytes32 nonce'].map(field),
};
const permitTypes = (witness: string[]): Record<string, TypedDataField[]> => ({
  PermitWitnessTransferFrom: ['TokenPermissions permitted', 'address spender', 'uint256 nonce', 'uint256 deadline', 'Witness witness'].map(field),
  TokenPermissions: ['address token', 'uint256 amount'].map(field),
  Witness: witness.map(field),
});

function field(text: string): TypedDataField {
  const [type, name] = text.split(' ') as [string, string];
  return { type, name };
}

/** The EIP-712 digest that the payer signed. `domain`: the asset's. */
export function paymentDigest(payload: PaymentPayload['payload'], { network, asset }: Pick<PaymentRequirements, 'network' | 'asset'>, domain: TokenDomain): string {
  const chainId = BigInt(network.slice(network.indexOf(':') + 1));
  if ('authorization' in payload) return TypedDataEncoder.hash({ ...domain, chainId, verifyingContract: getAddress(asset) }, transferTypes, payload.authorization);
  const { from: _, ...message } = payload.permit2Authorization;
  const witness = message.witness.facilitator === undefined ? ['address to', 'uint256 validAfter'] : ['address to', 'address facilitator', 'uint256 validAfter'];
  return TypedDataEncoder.hash({ name: 'Permit2', chainId, verifyingContract: permit2Address }, permitTypes(witness), message);
}

/** Whose key signed; undefined of what is no key's signature. */
export function signerOf({ signature }: Pick<PaymentPayload['payload'], 'signature'>, digest: string): string | undefined {
  try {
    return recoverAddress(digest, signature);
  } catch {
    return undefined;
  }
}

/** Whether the payer's own key signed; false: only a wallet that is a contract could say. */
export const isSignedByKey = (payload: PaymentPayload['payload'], digest: string): boolean => signerOf(payload, digest) === getAddress(payerOf({ payload }));

/** The call that takes `amount` of a payment; `byKey`: see {@link isSignedByKey}. */
export function settlementCall(payload: PaymentPayload['payload'], scheme: X402Scheme, asset: string, amount: bigint, byKey: boolean): { target: string; data: string } {
  if ('authorization' in payload) return { target: getAddress(asset), data: transferCall(payload, byKey) };
  const { from, permitted, nonce, deadline, witness } = payload.permit2Authorization;
  const args = [{ permitted, nonce, deadline }, ...(scheme === 'upto' ? [amount] : []), from, witness, payload.signature];
  const settle = scheme === 'upto' ? `settle(${permitType},uint256,address,(address,address,uint256),bytes)` : `settle(${permitType},address,(address,uint256),bytes)`;
  return { target: x402Proxies[scheme], data: x402Interface.encodeFunctionData(settle, args) };
}

const permitType = '((address,uint256),uint256,uint256)';
const transferPrefix = 'transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32';

/** Keys sign 65 bytes, which every EIP-3009 token takes apart; wallets that are contracts sign whatever they like. */
function transferCall({ authorization, signature }: Eip3009Payload, byKey: boolean): string {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const args = [from, to, value, validAfter, validBefore, nonce];
  if (!byKey) return x402Interface.encodeFunctionData(`${transferPrefix},bytes)`, [...args, signature]);
  const { v, r, s } = Signature.from(signature);
  return x402Interface.encodeFunctionData(`${transferPrefix},uint8,bytes32,bytes32)`, [...args, v, r, s]);
}
