import { getAddress } from 'ethers';
import type { Signature } from 'ethers';
import { openSigner } from '#chain';
import type { DigestSigner, KeyKeepers } from '#chain';
import { failure } from '#protocol';

/** Who signs a payer's statements here. */
export interface PayerSigner {
  /** EIP-55. */
  readonly address: string;
  readonly isDelegate: boolean;
}

/** The keys that sign for payers: their own, or a delegate's. They leave this object only into a signature. */
export class PayerKeys {
  readonly #keys: ReadonlyMap<string, DigestSigner>;

  /** Signers by the payer's EIP-55 address. One that has another address is a delegate's. */
  constructor(keys: ReadonlyMap<string, DigestSigner>) {
    this.#keys = keys;
  }

  /** Opens each key where it is kept. Errors: CONFLICT (a payer's is another address's, a delegate's is the payer's own, or it cannot be opened), SERVICE_UNAVAILABLE. */
  static async open(own: ReadonlyMap<string, string>, keepers: KeyKeepers, delegates: ReadonlyMap<string, string> = new Map()): Promise<PayerKeys> {
    const opened = await Promise.all([
      ...[...own].map(async ([payer, reference]) => {
        const signer = await openSigner(reference, keepers);
        if (signer.address !== payer) throw failure('CONFLICT', `the key that SETTLEMENT_PAYER_KEYS names for ${payer} is ${signer.address}'s: put a delegate's key in SETTLEMENT_DELEGATE_KEYS`);
        return [payer, signer] as const;
      }),
      ...[...delegates].map(async ([payer, reference]) => {
        const signer = await openSigner(reference, keepers);
        if (signer.address === payer) throw failure('CONFLICT', `the key that SETTLEMENT_DELEGATE_KEYS names for ${payer} is the payer's own: put it in SETTLEMENT_PAYER_KEYS`);
        return [payer, signer] as const;
      }),
    ]);
    return new PayerKeys(new Map(opened));
  }

  /** Null when no key is configured for the payer. */
  signerOf(payer: string): PayerSigner | null {
    const address = getAddress(payer);
    const key = this.#keys.get(address);
    return key === undefined ? null : { address: key.address, isDelegate: key.address !== address };
  }

  /** The delegate (EIP-55) that signs for a payer; null where its own key does, or none. */
  delegateOf(payer: string): string | null {
    const signer = this.signerOf(payer);
    return signer?.isDelegate ? signer.address : null;
  }

  /** Every payer (EIP-55) for whom a delegate signs. */
  delegated(): string[] {
    return [...this.#keys.keys()].filter((payer) => this.delegateOf(payer) !== null);
  }

  /** Signs a digest for a payer. Errors: CONFLICT when no key is configured for it, SERVICE_UNAVAILABLE when its keeper does not answer. */
  async sign(payer: string, digest: string): Promise<Signature> {
    const key = this.#keys.get(getAddress(payer));
    if (key === undefined) throw failure('CONFLICT', `no signing key is configured for payer ${payer}; add its own to SETTLEMENT_PAYER_KEYS, or a delegate's to SETTLEMENT_DELEGATE_KEYS`);
    return key.sign(digest);
  }
}
