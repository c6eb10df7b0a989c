import { getAddress } from 'ethers';
import { isDomainError } from '#kernel';
import { isSignedByKey, paymentDigest, permit2Address, settlementCall, x402Proxies } from '#chain';
import type { X402Scheme } from '#chain';
import { payerOf } from '#protocol';
import type { Eip3009Payload, FacilitatorRequest, Permit2Payload } from '#protocol';
import type { ChainLink } from '../chain/chain-link.js';
import type { AssetFacts, PaymentAsset } from './payment-asset.js';

/** An authorisation must be good for this long yet, in seconds: three blocks of two. */
const leftSecondsMin = 6n;
/** ERC-1271: yes. */
const validSignature = '0x1626ba7e';

/** What is asked of a payment: the very amount, or (of `upto`, once the work is done) at most it. */
export type Asked = 'amount' | 'at-most';

export interface Verified {
  /** A word of the protocol's, as the official packages say it; null: the payment is good now. */
  readonly reason: string | null;
  /** Base units that the payer has. */
  readonly balance: bigint;
}

/** Whether a payment would pay, as far as can be told before it is sent. */
export class PaymentVerifier {
  constructor(
    private readonly chain: ChainLink,
    private readonly asset: PaymentAsset,
    private readonly recipients: ReadonlySet<string>,
    private readonly nowMs: () => number,
  ) {}

  /** Error: CHAIN_UNAVAILABLE. */
  async verify(request: FacilitatorRequest, asked: Asked): Promise<Verified> {
    const facts = await this.asset.facts();
    const reason = this.withoutChain(request, asked, facts);
    return reason === null ? this.onChain(request, facts) : { reason, balance: 0n };
  }

  private withoutChain({ paymentPayload: { accepted, payload }, paymentRequirements: wanted }: FacilitatorRequest, asked: Asked, facts: AssetFacts): string | null {
    const { scheme } = wanted;
    if (accepted.scheme !== scheme) return `invalid_${scheme}_evm_scheme`;
    if (scheme !== 'exact' && scheme !== 'upto') return 'unsupported_scheme';
    if (accepted.network !== wanted.network || wanted.network !== `eip155:${this.chain.chainId}`) return `invalid_${scheme}_evm_network_mismatch`;
    if (getAddress(wanted.asset) !== facts.address) return 'asset_not_supported';
    if (!this.recipients.has(getAddress(wanted.payTo))) return 'pay_to_not_served';
    const now = BigInt(Math.floor(this.nowMs() / 1_000));
    if ('authorization' in payload) return scheme === 'exact' ? ofEip3009(payload, wanted, facts, now) : 'unsupported_payload_type';
    return this.ofPermit2(payload, wanted, scheme, asked, facts, now);
  }

  private ofPermit2({ permit2Authorization: signed }: Permit2Payload, wanted: FacilitatorRequest['paymentRequirements'], scheme: X402Scheme, asked: Asked, facts: AssetFacts, now: bigint): string | null {
    const { witness, permitted } = signed;
    if (!facts.permit2[scheme]) return 'permit2_proxy_not_deployed';
    if ((witness.facilitator === undefined) !== (scheme === 'exact')) return 'unsupported_payload_type';
    if (getAddress(signed.spender) !== x402Proxies[scheme]) return 'invalid_permit2_spender';
    if (getAddress(witness.to) !== getAddress(wanted.payTo)) return 'invalid_permit2_recipient_mismatch';
    if (witness.facilitator !== undefined && getAddress(witness.facilitator) !== this.chain.sender) return 'upto_facilitator_mismatch';
    if (BigInt(signed.deadline) < now + leftSecondsMin) return 'permit2_deadline_expired';
    if (BigInt(witness.validAfter) > now) return 'permit2_not_yet_valid';
    if (getAddress(permitted.token) !== facts.address) return 'permit2_token_mismatch';
    const [most, amount] = [BigInt(permitted.amount), BigInt(wanted.amount)];
    if (asked === 'at-most' && scheme === 'upto') return amount > most ? 'invalid_upto_evm_payload_settlement_exceeds_amount' : null;
    return amount === most ? null : 'permit2_amount_mismatch';
  }

  private async onChain({ paymentPayload: { payload }, paymentRequirements: wanted }: FacilitatorRequest, facts: AssetFacts): Promise<Verified> {
    const owner = payerOf({ payload });
    const isEip3009 = 'authorization' in payload;
    const digest = paymentDigest(payload, wanted, facts.domain);
    const byKey = isSignedByKey(payload, digest);
    const [signed, used, balance = 0n, allowance = 0n] = await Promise.all([
      byKey || this.contractSigned(owner, digest, payload.signature),
      isEip3009 ? this.asset.read<boolean>(facts.address, 'authorizationState', [owner, payload.authorization.nonce]) : this.permit2Used(owner, BigInt(payload.permit2Authorization.nonce)),
      this.asset.read<bigint>(facts.address, 'balanceOf', [owner]),
      isEip3009 ? 0n : this.asset.read<bigint>(facts.address, 'allowance', [owner, permit2Address]),
    ]);
    const amount = BigInt(wanted.amount);
    const no = (reason: string): Verified => ({ reason, balance });
    if (!signed) return no(isEip3009 ? 'invalid_exact_evm_signature' : 'invalid_permit2_signature');
    if (used) return no(isEip3009 ? 'invalid_exact_evm_nonce_already_used' : 'permit2_invalid_nonce');
    if (balance < amount) return no(isEip3009 ? 'invalid_exact_evm_insufficient_balance' : 'permit2_insufficient_balance');
    if (!isEip3009 && allowance < amount) return no('permit2_allowance_required');
    const { target, data } = settlementCall(payload, wanted.scheme as X402Scheme, facts.address, amount, byKey);
    const works = amount === 0n || (await this.wouldWork(target, data));
    return { reason: works ? null : isEip3009 ? 'invalid_exact_evm_transaction_simulation_failed' : 'permit2_simulation_failed', balance };
  }

  /** Permit2 keeps used nonces as bits, 256 to a word. A Permit2 that has no such view is left to the simulation. */
  private async permit2Used(owner: string, nonce: bigint): Promise<boolean> {
    const word = await this.asset.read<bigint>(permit2Address, 'nonceBitmap', [owner, nonce >> 8n]);
    return word !== undefined && ((word >> (nonce & 0xffn)) & 1n) === 1n;
  }

  private async contractSigned(owner: string, digest: string, signature: string): Promise<boolean> {
    return (await this.chain.hasCode(owner)) && (await this.asset.read<string>(owner, 'isValidSignature', [digest, signature])) === validSignature;
  }

  private wouldWork(target: string, data: string): Promise<boolean> {
    return this.chain.call(target, data).then(
      () => true,
      (error: unknown) => {
        if (isDomainError(error, 'CHAIN_REJECTED')) return false;
        throw error;
      },
    );
  }
}

function ofEip3009({ authorization: signed }: Eip3009Payload, wanted: FacilitatorRequest['paymentRequirements'], facts: AssetFacts, now: bigint): string | null {
  if (!facts.eip3009) return 'invalid_exact_evm_eip3009_not_supported';
  const { name, version } = wanted.extra ?? {};
  if (typeof name !== 'string' || typeof version !== 'string') return 'invalid_exact_evm_missing_eip712_domain';
  if (name !== facts.domain.name) return 'invalid_exact_evm_token_name_mismatch';
  if (version !== facts.domain.version) return 'invalid_exact_evm_token_version_mismatch';
  if (getAddress(signed.to) !== getAddress(wanted.payTo)) return 'invalid_exact_evm_recipient_mismatch';
  if (BigInt(signed.validBefore) < now + leftSecondsMin) return 'invalid_exact_evm_payload_authorization_valid_before';
  if (BigInt(signed.validAfter) > now) return 'invalid_exact_evm_payload_authorization_valid_after';
  return BigInt(signed.value) === BigInt(wanted.amount) ? null : 'invalid_exact_evm_payload_authorization_value_mismatch';
}
