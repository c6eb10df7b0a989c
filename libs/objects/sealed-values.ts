import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

/** Small values: nonce ‖ ciphertext ‖ tag (AES-256-GCM), bound to their context. At most 2³² under one key. */
export function sealUnder(key: Uint8Array, context: string, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when it was sealed under another key or context, or changed. */
export function openUnder(key: Uint8Array, context: string, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}

/** A key made of a data key, for what belongs to its object and is not in it. */
export const madeOf = (key: Uint8Array, use: string): Buffer => Buffer.from(hkdfSync('sha256', key, '', `mizan-${use}-v1`, 32));
