import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { base64, uuid } from './scalars.js';
import { SecretPool } from './secret-pool.js';

/**
 * Bodies sealed to a public key: a data key is wrapped once (ephemeral X25519, HKDF-SHA256, AES-256-GCM) and encrypts many
 * bodies (AES-256-GCM, at most 2²⁰ bodies a key). A data key lives in one process and seals nothing elsewhere, so that its nonces are
 * simply counted.
 */
export const sealedBody = z.object({
  /** Which of the tenant's sealing keys opens it. */
  sealKeyId: uuid,
  /** Ephemeral public key (32 B) ‖ nonce (12 B) ‖ wrapped data key (32 B) ‖ tag (16 B). */
  wrappedKey: base64,
  /** 12 bytes. */
  nonce: base64.length(16),
  /** Ciphertext ‖ tag. */
  ciphertext: base64,
});
export type SealedBody = z.output<typeof sealedBody>;

const spkiX25519 = Buffer.from('302a300506032b656e032100', 'hex');
const pkcs8X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

export const x25519PublicKey = (raw: Uint8Array): KeyObject => createPublicKey({ key: Buffer.concat([spkiX25519, raw]), format: 'der', type: 'spki' });
export const x25519PrivateKey = (raw: Uint8Array): KeyObject => createPrivateKey({ key: Buffer.concat([pkcs8X25519, raw]), format: 'der', type: 'pkcs8' });
export const x25519RawPublic = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32);
export const x25519RawPrivate = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' }).subarray(-32);

/** A fresh sealing key pair, both halves raw. */
export function generateSealKeys(): { publicKey: Buffer; privateKey: Buffer } {
  const pair = generateKeyPairSync('x25519');
  return { publicKey: x25519RawPublic(pair.publicKey), privateKey: x25519RawPrivate(pair.privateKey) };
}

function encrypt(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array | string, aad: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aad);
  const ciphertext = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  // In counter mode nothing is left to come.
  cipher.final();
  return Buffer.concat([ciphertext, cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

const nonceBytes = 12;
const wrapInfo = Buffer.from('mizan-seal-v1');

function wrappingKey(secret: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, Buffer.concat([ephemeral, recipient]), wrapInfo, 32));
}

/** A data key for one recipient, wrapped once. */
export class Sealer {
  private readonly dataKey = randomBytes(32);
  private readonly wrappedKey: string;
  /** Its last four bytes count the bodies. */
  private readonly nonce = Buffer.alloc(nonceBytes);
  private readonly secrets = new SecretPool();
  private uses = 0;

  /** `recipient` is the raw X25519 public key. */
  constructor(
    recipient: Uint8Array,
    readonly sealKeyId: string,
  ) {
    const ephemeral = generateKeyPairSync('x25519');
    const ephemeralRaw = x25519RawPublic(ephemeral.publicKey);
    const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: x25519PublicKey(recipient) });
    const nonce = randomBytes(12);
    const wrapped = encrypt(wrappingKey(secret, ephemeralRaw, recipient), nonce, this.dataKey, wrapInfo);
    this.wrappedKey = Buffer.concat([ephemeralRaw, nonce, wrapped]).toString('base64');
  }

  /** Whether the key has done its share of work and a new one is due. */
  get worn(): boolean {
    return this.uses >= 2 ** 20;
  }

  /** The secret of one record's commitments, which goes into its body. */
  freshSecret(): Buffer {
    return this.secrets.next();
  }

  /** `context` binds the body to its record: it cannot be moved to another one. */
  seal(plaintext: Uint8Array | string, context: string): SealedBody {
    this.uses += 1;
    this.nonce.writeUInt32BE(this.uses, nonceBytes - 4);
    return {
      sealKeyId: this.sealKeyId,
      wrappedKey: this.wrappedKey,
      nonce: this.nonce.toString('base64'),
      ciphertext: encrypt(this.dataKey, this.nonce, plaintext, Buffer.from(context)).toString('base64'),
    };
  }
}

/** Opens a sealed body with the recipient's raw private key; throws when key, context or bytes do not match. */
export function unseal(body: SealedBody, recipientPrivate: Uint8Array, context: string): Buffer {
  const wrapped = Buffer.from(body.wrappedKey, 'base64');
  const ephemeral = wrapped.subarray(0, 32);
  const privateKey = x25519PrivateKey(recipientPrivate);
  const recipient = x25519RawPublic(createPublicKey(privateKey));
  const secret = diffieHellman({ privateKey, publicKey: x25519PublicKey(ephemeral) });
  const dataKey = decrypt(wrappingKey(secret, ephemeral, recipient), wrapped.subarray(32, 44), wrapped.subarray(44), wrapInfo);
  return decrypt(dataKey, Buffer.from(body.nonce, 'base64'), Buffer.from(body.ciphertext, 'base64'), Buffer.from(context));
}
