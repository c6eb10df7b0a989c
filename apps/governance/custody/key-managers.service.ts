import { Injectable } from '@nestjs/common';
import { guardedAgent, outboundTarget, type AllowList } from '#outbound';
import { loadCryptoki } from './cryptoki.js';
import type { KeyManager } from './key-manager.js';
import { Pkcs11Keys } from './pkcs11-keys.js';
import { Secrets } from '../secrets.js';
import { VaultTransit } from './vault-transit.js';
import { failure, type Keeper, type KmsSetting } from '#protocol';

/** A manager with the name of the key that is meant there. */
export interface NamedKey {
  readonly kept: Keeper;
  readonly manager: KeyManager;
  readonly keyId: string;
}

/** Who keeps keys over tenant keys: the environment, the deployment's KMS or HSM where it has one, and organisations' own. */
@Injectable()
export class KeyManagers {
  private readonly file: NamedKey;
  private readonly kms: NamedKey | undefined;
  private readonly reach: { dispatcher: ReturnType<typeof guardedAgent>; target: (url: string) => URL };

  constructor(secrets: Secrets) {
    const { masterKeys, kmsAllowed } = secrets;
    this.file = { kept: 'file', manager: masterKeys, keyId: 'master' };
    this.kms = kmsOf(secrets);
    this.reach = reachOf(kmsAllowed);
  }

  /** What new tenant keys of the deployment are wrapped by. */
  get deployment(): NamedKey {
    return this.kms ?? this.file;
  }

  /** Error: `KMS_REFUSED` when a key is in a KMS that is configured no more. */
  deploymentsOwn(kept: 'file' | 'kms'): NamedKey {
    const named = kept === 'file' ? this.file : this.kms;
    if (named === undefined) throw failure('KMS_REFUSED', 'a key is wrapped by the KMS of the deployment, and none is configured: set GOVERNANCE_KMS_URL or GOVERNANCE_PKCS11_MODULE');
    return named;
  }

  ofTenant(setting: KmsSetting): NamedKey {
    return { kept: 'tenant', manager: new VaultTransit(setting, this.reach), keyId: setting.key };
  }
}

function kmsOf({ kms, hsm }: Secrets): NamedKey | undefined {
  if (hsm !== undefined) return { kept: 'kms', manager: new Pkcs11Keys(loadCryptoki(hsm.library), hsm), keyId: hsm.key };
  // The operator's own address may be anywhere; those of organisations are judged.
  return kms && { kept: 'kms', manager: new VaultTransit(kms, { target: (url) => new URL(url) }), keyId: kms.key };
}

function reachOf(allowed: AllowList): { dispatcher: ReturnType<typeof guardedAgent>; target: (url: string) => URL } {
  return { dispatcher: guardedAgent(allowed), target: (url) => outboundTarget(url, allowed) };
}
