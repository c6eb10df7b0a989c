import { decryptKeystoreJson } from 'ethers';
import { failure } from '#protocol';
import { localSigner } from './digest-signer.js';
import type { DigestSigner } from './digest-signer.js';

/** Opens a version 3 keystore file (`geth account new`, `cast wallet import`); takes seconds. Error: CONFLICT, which never says the password. */
export async function keystoreSigner(json: string, password: string): Promise<DigestSigner> {
  try {
    const { privateKey } = await decryptKeystoreJson(json, password);
    return localSigner(privateKey);
  } catch (error) {
    const reason = /password/i.test((error as Error).message) ? 'the password does not open it' : 'it is not a version 3 keystore';
    throw failure('CONFLICT', `the keystore cannot be opened: ${reason}`);
  }
}
