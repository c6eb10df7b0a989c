import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * Private keys at rest: AES-256-GCM under the deployment's master key, bound to their row by the context.
 * Layout: nonce (12 B) ‖ ciphertext ‖ tag (16 B). One random nonce per key stored, far below the bound of 2³².
 */
export function wrapKey(masterKey: Uint8Array, key: Uint8Array, context: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** Inverse of {@link wrapKey}; throws when master key, context or bytes do not match. */
export function unwrapKey(masterKey: Uint8Array, wrapped: Uint8Array, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', masterKey, wrapped.subarray(0, 12));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(wrapped.subarray(-16));
  return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
}

/** Binds a sealing key to its tenant and id. */
export const sealKeyContext = (tenant: string, sealKeyId: string): string => `governance|sealing_keys|${tenant}|${sealKeyId}`;
