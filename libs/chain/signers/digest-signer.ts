import { computeAddress, SigningKey } from 'ethers';
import type { Signature } from 'ethers';

/** A secp256k1 key, wherever it is kept: it signs digests, and never leaves. */
export interface DigestSigner {
  /** EIP-55. */
  readonly address: string;
  /** Signs 32 bytes (0x-hex); low s, with the recovery bit. Error: SERVICE_UNAVAILABLE when the key's keeper does not answer. */
  sign(digest: string): Promise<Signature>;
}

/** A key in this process's memory. Signatures are deterministic (RFC 6979). */
export function localSigner(privateKey: string): DigestSigner {
  const key = new SigningKey(privateKey);
  return { address: computeAddress(key), sign: (digest) => Promise.resolve(key.sign(digest)) };
}
