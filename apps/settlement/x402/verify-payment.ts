import { isDomainError } from '#kernel';
import { permit2Address, refusalBeforeChain, settlementCall, signatureRefusal, signingOf } from '#chain';
import type { Asked, Counter, X402Scheme } from '#chain';
import { payerOf } from '#protocol';
import type { FacilitatorRequest } from '#protocol';
import type { ChainLink } from '../chain/chain-link.js';
import { KnownRefusals } from './known-refusals.js';
import type { PaymentAsset } from './payment-asset.js';
import { ReadGate } from './read-gate.js';

/** ERC-1271: yes. */
const validSignature = '0x1626ba7e';

export interface Verified {
  /** A word of the protocol's, as the official packages say it; null: the payment is good now. */
  readonly reason: string | null;
  /** Base units that the payer has. */
  readonly balance: bigint;
  /** The newest block when it was found good: the authorisation was not used before. */
  readonly block?: number;
  /** Whose key made the signature: the payer's own, or one that signs for a wallet that is a contract; undefined where that does not show. */
  readonly signer?: string | undefined;
}

/**
 * Whether a payment would pay, as far as can be told before it is sent. What costs nothing is looked at first: its form, then who signed. The chain is asked last, for
 * one thing after another, and never twice within a short while for the same refusal.
 */
export class PaymentVerifier {
  private readonly refusals: KnownRefusals;
  private readonly gate: ReadGate;
  /** By payment: who brings the same one meanwhile waits for the same answer. */
  private readonly underWay = new Map<string, Promise<Verified>>();

  constructor(
    private readonly chain: ChainLink,
    private readonly asset: PaymentAsset,
    private readonly recipients: ReadonlySet<string>,
    private readonly nowMs: () => number,
  ) {
    this.refusals = new KnownRefusals(nowMs);
    this.gate = new ReadGate(nowMs);
  }

  /** What is wrong with a payment that shows without asking the chain; null: nothing. Error: CHAIN_UNAVAILABLE. */
  async beforeChain(request: FacilitatorRequest, asked: Asked): Promise<string | null> {
    return refusalBeforeChain(request, asked, await this.counter(), this.nowMs());
  }

  /** What the chain says of a payment in which nothing is wrong before. Errors: CHAIN_UNAVAILABLE, RATE_LIMITED. */
  async onChain(request: FacilitatorRequest): Promise<Verified> {
    const known = this.refusals.of(request);
    if (known !== undefined) return { reason: known, balance: 0n };
    const key = JSON.stringify([request.paymentPayload.payload, request.paymentRequirements]);
    const looked = this.underWay.get(key) ?? this.gate.within(() => this.look(request)).finally(() => this.underWay.delete(key));
    this.underWay.set(key, looked);
    const verified = await looked;
    if (verified.reason !== null) this.refusals.remember(request, verified.reason);
    return verified;
  }

  private async counter(): Promise<Counter> {
    return { network: `eip155:${this.chain.chainId}`, facts: await this.asset.facts(), recipients: this.recipients, facilitator: this.chain.sender };
  }

  private async look(request: FacilitatorRequest): Promise<Verified> {
    const { paymentPayload: { payload }, paymentRequirements: wanted } = request;
    const facts = await this.asset.facts();
    const { digest, byKey, signer } = signingOf(request, facts);
    const owner = payerOf({ payload });
    const isEip3009 = 'authorization' in payload;
    const amount = BigInt(wanted.amount);
    if (!byKey && !(await this.contractSigned(owner, digest, payload.signature))) return { reason: signatureRefusal(payload), balance: 0n };
    const balance = (await this.asset.read<bigint>(facts.address, 'balanceOf', [owner])) ?? 0n;
    const no = (reason: string): Verified => ({ reason, balance });
    if (balance < amount) return no(isEip3009 ? 'invalid_exact_evm_insufficient_balance' : 'permit2_insufficient_balance');
    const [{ number: block }, used, allowance = 0n] = await Promise.all([
      this.chain.latest(),
      isEip3009 ? this.asset.read<boolean>(facts.address, 'authorizationState', [owner, payload.authorization.nonce]) : this.permit2Used(owner, BigInt(payload.permit2Authorization.nonce)),
      isEip3009 ? 0n : this.asset.read<bigint>(facts.address, 'allowance', [owner, permit2Address]),
    ]);
    if (used) return no(isEip3009 ? 'invalid_exact_evm_nonce_already_used' : 'permit2_invalid_nonce');
    if (!isEip3009 && allowance < amount) return no('permit2_allowance_required');
    const { target, data } = settlementCall(payload, wanted.scheme as X402Scheme, facts.address, amount, byKey);
    const works = amount === 0n || (await this.wouldWork(target, data));
    return { reason: works ? null : isEip3009 ? 'invalid_exact_evm_transaction_simulation_failed' : 'permit2_simulation_failed', balance, block, signer };
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
