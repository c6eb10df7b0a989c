import { getAddress } from 'ethers';
import { failure } from '#protocol';

/** The payers' signing keys. They leave this object only into a signature. */
export class PayerKeys {
  readonly #keys: ReadonlyMap<string, string>;

  /** Private keys by EIP-55 address. */
  constructor(keys: ReadonlyMap<string, string>) {
    this.#keys = keys;
  }

  has(payer: string): boolean {
    return this.#keys.has(getAddress(payer));
  }

  /** Signs with a payer's key. Error: CONFLICT when the keystore does not hold it. */
  signWith<T>(payer: string, sign: (privateKey: string) => T): T {
    const key = this.#keys.get(getAddress(payer));
    if (key === undefined) throw failure('CONFLICT', `no signing key is configured for payer ${payer}; add it to SETTLEMENT_PAYER_KEYS`);
    return sign(key);
  }
}
