import { getAddress } from 'ethers';
import type { Signature } from 'ethers';
import { openSigner } from '#chain';
import type { DigestSigner, KeyKeepers } from '#chain';
import { failure } from '#protocol';

/** The payers' signing keys. They leave this object only into a signature. */
export class PayerKeys {
  readonly #keys: ReadonlyMap<string, DigestSigner>;

  /** Signers by EIP-55 address. */
  constructor(keys: ReadonlyMap<string, DigestSigner>) {
    this.#keys = keys;
  }

  /** Opens each payer's key where it is kept. Errors: CONFLICT (it is another address's, or cannot be opened), SERVICE_UNAVAILABLE. */
  static async open(references: ReadonlyMap<string, string>, keepers: KeyKeepers): Promise<PayerKeys> {
    const opened = await Promise.all(
      [...references].map(async ([payer, reference]) => {
        const signer = await openSigner(reference, keepers);
        if (signer.address !== payer) throw failure('CONFLICT', `the key that SETTLEMENT_PAYER_KEYS names for ${payer} is ${signer.address}'s`);
        return [payer, signer] as const;
      }),
    );
    return new PayerKeys(new Map(opened));
  }

  has(payer: string): boolean {
    return this.#keys.has(getAddress(payer));
  }

  /** Signs a digest with a payer's key. Errors: CONFLICT when no key is configured for it, SERVICE_UNAVAILABLE when its keeper does not answer. */
  async sign(payer: string, digest: string): Promise<Signature> {
    const key = this.#keys.get(getAddress(payer));
    if (key === undefined) throw failure('CONFLICT', `no signing key is configured for payer ${payer}; add it to SETTLEMENT_PAYER_KEYS`);
    return key.sign(digest);
  }
}
