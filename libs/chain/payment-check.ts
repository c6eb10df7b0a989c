import { getAddress, isAddress } from 'ethers';
import { payerOf } from '#protocol';
import type { Eip3009Payload, FacilitatorRequest, Permit2Payload, SaleTerms } from '#protocol';
import { paymentDigest, signerOf, x402Proxies } from './x402.js';
import type { TokenDomain, X402Scheme } from './x402.js';

/** An authorisation must be good for this long yet, in seconds: three blocks of two. */
const leftSecondsMin = 6n;

/** What is asked of a payment: the very amount, or (of `upto`, once the work is done) at most it. */
export type Asked = 'amount' | 'at-most';

/** What a token can do for x402. */
export interface AssetFacts {
  /** EIP-55. */
  readonly address: string;
  readonly domain: TokenDomain;
  readonly eip3009: boolean;
  /** Whether Permit2 and this scheme's proxy are on the chain. */
  readonly permit2: { readonly exact: boolean; readonly upto: boolean };
}

/** What payments are measured by; addresses in EIP-55. */
export interface Counter {
  readonly network: string;
  readonly facts: AssetFacts;
  readonly recipients: ReadonlySet<string>;
  /** Who sends the payments. */
  readonly facilitator: string;
}

/** The counter at which these terms are sold. */
export function counterOf({ network, asset, payTo, methods }: SaleTerms): Counter {
  const ways = methods.map(({ scheme, extra }) => ({ scheme, extra, byPermit2: extra['assetTransferMethod'] === 'permit2' }));
  const text = (name: string): string => ways.map(({ extra }) => extra[name]).find((value) => typeof value === 'string') ?? '';
  const takes = (scheme: X402Scheme): boolean => ways.some((way) => way.byPermit2 && way.scheme === scheme);
  const domain = { name: text('name'), version: text('version') };
  const facts = { address: getAddress(asset), domain, eip3009: ways.some(({ byPermit2 }) => !byPermit2), permit2: { exact: takes('exact'), upto: takes('upto') } };
  return { network, facts, recipients: new Set([getAddress(payTo)]), facilitator: text('facilitatorAddress') };
}

/**
 * What is wrong with a payment that shows without asking the chain, in a word of the protocol's as the official packages say it; null: nothing.
 * Without `nowMs` its time is not looked at: what paid already may be brought again when its time is over.
 */
export function refusalBeforeChain({ paymentPayload: { accepted, payload }, paymentRequirements: wanted }: FacilitatorRequest, asked: Asked, counter: Counter, nowMs?: number): string | null {
  const { scheme } = wanted;
  if (!addressesOf(payload, wanted).every((address) => isAddress(address))) return 'invalid_payload';
  if (accepted.scheme !== scheme) return `invalid_${scheme}_evm_scheme`;
  if (scheme !== 'exact' && scheme !== 'upto') return 'unsupported_scheme';
  if (accepted.network !== wanted.network || wanted.network !== counter.network) return `invalid_${scheme}_evm_network_mismatch`;
  if (getAddress(wanted.asset) !== counter.facts.address) return 'asset_not_supported';
  if (!counter.recipients.has(getAddress(wanted.payTo))) return 'pay_to_not_served';
  // It would buy, and nothing would come.
  if (getAddress(payerOf({ payload })) === getAddress(wanted.payTo)) return 'payer_is_recipient';
  const now = nowMs === undefined ? undefined : BigInt(Math.floor(nowMs / 1_000));
  if ('authorization' in payload) return scheme === 'exact' ? ofEip3009(payload, wanted, counter.facts, now) : 'unsupported_payload_type';
  return ofPermit2(payload, wanted, scheme, asked, counter, now);
}

/** All that are named: letters of both cases are a checksum (EIP-55), and one that is wrong is an address mistyped. */
const addressesOf = (payload: FacilitatorRequest['paymentPayload']['payload'], { asset, payTo }: FacilitatorRequest['paymentRequirements']): string[] => {
  if ('authorization' in payload) return [asset, payTo, payload.authorization.from, payload.authorization.to];
  const { from, spender, permitted, witness } = payload.permit2Authorization;
  return [asset, payTo, from, spender, permitted.token, witness.to, ...(witness.facilitator === undefined ? [] : [witness.facilitator])];
};

/** Of a signature that is nobody's. */
export const signatureRefusal = (payload: FacilitatorRequest['paymentPayload']['payload']): string => ('authorization' in payload ? 'invalid_exact_evm_signature' : 'invalid_permit2_signature');

export interface Signing {
  readonly digest: string;
  /** Whose key signed, if the signature is one of a key. */
  readonly signer: string | undefined;
  /** Whether that is the payer's own: if not, only a wallet that is a contract could say whether it signed. */
  readonly byKey: boolean;
}

export function signingOf({ paymentPayload: { payload }, paymentRequirements: wanted }: FacilitatorRequest, { domain }: AssetFacts): Signing {
  const digest = paymentDigest(payload, wanted, domain);
  const signer = signerOf(payload, digest);
  return { digest, signer, byKey: signer === getAddress(payerOf({ payload })) };
}

function ofPermit2({ permit2Authorization: signed }: Permit2Payload, wanted: FacilitatorRequest['paymentRequirements'], scheme: X402Scheme, asked: Asked, { facts, facilitator }: Counter, now: bigint | undefined): string | null {
  const { witness, permitted } = signed;
  if (!facts.permit2[scheme]) return 'permit2_proxy_not_deployed';
  if ((witness.facilitator === undefined) !== (scheme === 'exact')) return 'unsupported_payload_type';
  if (getAddress(signed.spender) !== x402Proxies[scheme]) return 'invalid_permit2_spender';
  if (getAddress(witness.to) !== getAddress(wanted.payTo)) return 'invalid_permit2_recipient_mismatch';
  if (witness.facilitator !== undefined && getAddress(witness.facilitator) !== facilitator) return 'upto_facilitator_mismatch';
  if (now !== undefined && BigInt(signed.deadline) < now + leftSecondsMin) return 'permit2_deadline_expired';
  if (now !== undefined && BigInt(witness.validAfter) > now) return 'permit2_not_yet_valid';
  if (getAddress(permitted.token) !== facts.address) return 'permit2_token_mismatch';
  const [most, amount] = [BigInt(permitted.amount), BigInt(wanted.amount)];
  if (asked === 'at-most' && scheme === 'upto') return amount > most ? 'invalid_upto_evm_payload_settlement_exceeds_amount' : null;
  return amount === most ? null : 'permit2_amount_mismatch';
}

function ofEip3009({ authorization: signed }: Eip3009Payload, wanted: FacilitatorRequest['paymentRequirements'], facts: AssetFacts, now: bigint | undefined): string | null {
  if (!facts.eip3009) return 'invalid_exact_evm_eip3009_not_supported';
  const { name, version } = wanted.extra ?? {};
  if (typeof name !== 'string' || typeof version !== 'string') return 'invalid_exact_evm_missing_eip712_domain';
  if (name !== facts.domain.name) return 'invalid_exact_evm_token_name_mismatch';
  if (version !== facts.domain.version) return 'invalid_exact_evm_token_version_mismatch';
  if (getAddress(signed.to) !== getAddress(wanted.payTo)) return 'invalid_exact_evm_recipient_mismatch';
  if (now !== undefined && BigInt(signed.validBefore) < now + leftSecondsMin) return 'invalid_exact_evm_payload_authorization_valid_before';
  if (now !== undefined && BigInt(signed.validAfter) > now) return 'invalid_exact_evm_payload_authorization_valid_after';
  return BigInt(signed.value) === BigInt(wanted.amount) ? null : 'invalid_exact_evm_payload_authorization_value_mismatch';
}
