import { createPublicKey } from 'node:crypto';
import { computeAddress, recoverAddress, Signature, toBeHex } from 'ethers';
import { assert } from '#kernel';

/** Order of secp256k1. */
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The EIP-55 address of a secp256k1 public key in DER (SubjectPublicKeyInfo). */
export function addressOfSpki(der: Uint8Array): string {
  const { crv, x, y } = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' }).export({ format: 'jwk' });
  assert(crv === 'secp256k1', 'the key is on secp256k1');
  return computeAddress(`0x04${Buffer.from(x!, 'base64url').toString('hex')}${Buffer.from(y!, 'base64url').toString('hex')}`);
}

/**
 * An ECDSA signature in DER (SEQUENCE of two INTEGERs) as the chain takes it: s brought into the lower half (EIP-2), and the recovery bit
 * found by trying which one gives `address`. Asserts that one does.
 */
export function signatureOfDer(der: Uint8Array, digest: string, address: string): Signature {
  const { r, s } = integersOf(Buffer.from(der));
  const low = s > order / 2n ? order - s : s;
  for (const v of [27, 28] as const) {
    const signature = Signature.from({ r: toBeHex(r, 32), s: toBeHex(low, 32), v });
    if (recoverAddress(digest, signature) === address) return signature;
  }
  throw new Error(`the signature is not by ${address}`);
}

function integersOf(der: Buffer): { r: bigint; s: bigint } {
  assert(der[0] === 0x30 && der[1] === der.length - 2, 'a signature is one DER sequence');
  const [r, at] = integerAt(der, 2);
  const [s, end] = integerAt(der, at);
  assert(end === der.length, 'a signature is two integers');
  return { r, s };
}

function integerAt(der: Buffer, at: number): [value: bigint, end: number] {
  const length = der[at + 1];
  assert(der[at] === 0x02 && length !== undefined && length > 0 && length <= 33 && at + 2 + length <= der.length, 'a DER integer of at most 33 bytes');
  const end = at + 2 + length;
  return [BigInt(`0x${der.toString('hex', at + 2, end)}`), end];
}
