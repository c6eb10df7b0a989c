import { readFile } from 'node:fs/promises';
import { failure } from '#protocol';
import { localSigner } from './digest-signer.js';
import type { DigestSigner } from './digest-signer.js';
import { keystoreSigner } from './keystore-signer.js';
import { kmsSigner } from './kms-signer.js';

/** How a key is named: itself in hex, `keystore:<file>` or `kms:<id, ARN or alias>`. */
export const keyReference = /^(0x[0-9a-fA-F]{64}|keystore:.+|kms:.+)$/;

export interface KeyKeepers {
  /** File with the password of keystores. */
  readonly keystorePasswordFile?: string | undefined;
  readonly kmsEndpoint?: string | undefined;
}

/** The signer that a reference names. Errors: CONFLICT (file, password), SERVICE_UNAVAILABLE (key management service). */
export async function openSigner(reference: string, { keystorePasswordFile, kmsEndpoint }: KeyKeepers = {}): Promise<DigestSigner> {
  if (reference.startsWith('kms:')) return kmsSigner(reference.slice('kms:'.length), { endpoint: kmsEndpoint });
  if (!reference.startsWith('keystore:')) return localSigner(reference);
  const path = reference.slice('keystore:'.length);
  if (keystorePasswordFile === undefined) throw failure('CONFLICT', `no password is given for the keystore ${path}; name its file`);
  const [json, password] = await Promise.all([path, keystorePasswordFile].map((file) => readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => unreadable(file, error))));
  return keystoreSigner(json!, password!.replace(/\r?\n$/, ''));
}

function unreadable(file: string, { code }: NodeJS.ErrnoException): never {
  throw failure('CONFLICT', `${file} cannot be read (${code ?? 'unknown'})`);
}
