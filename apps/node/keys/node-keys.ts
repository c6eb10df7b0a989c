import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { openDirectory, secretFile } from './key-file.js';

/** The keys of one node, made once in its directory. */
export interface NodeKeys {
  /** Ed25519: signs receipts, sessions and the enrolment. */
  readonly identity: KeyObject;
  /** Raw, hex. */
  readonly publicKey: string;
  /** Signs in at NATS. */
  readonly natsSeed: Uint8Array;
  readonly natsPublicKey: string;
}

export function nodeKeys(directory: string): NodeKeys {
  openDirectory(directory);
  const identity = createPrivateKey(secretFile(join(directory, 'identity.pem'), newIdentity));
  const natsSeed = new TextEncoder().encode(secretFile(join(directory, 'nats.seed'), () => new TextDecoder().decode(createUser().getSeed())));
  return {
    identity,
    publicKey: createPublicKey(identity).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex'),
    natsSeed,
    natsPublicKey: fromSeed(natsSeed).getPublicKey(),
  };
}

const newIdentity = (): string => generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
