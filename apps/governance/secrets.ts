import { ed25519Signer, type NoteSigner } from '#merkle';
import type { GovernanceConfig } from './config.js';
import type { WitnessAddress } from './witnesses/witness-list.js';

/** The service's key material, decoded once. */
export class Secrets {
  readonly masterKey: Uint8Array;
  readonly keyPepper: string;
  /** Signs checkpoints; its name is the log's origin. */
  readonly logSigner: NoteSigner;
  /** Who cosigns them. */
  readonly witnesses: readonly WitnessAddress[];
  readonly bootstrapKey: string | undefined;

  constructor(config: GovernanceConfig) {
    this.masterKey = Buffer.from(config.GOVERNANCE_MASTER_KEY, 'hex');
    this.keyPepper = config.KEY_PEPPER;
    this.logSigner = ed25519Signer(config.AUDIT_ORIGIN, Buffer.from(config.AUDIT_SIGNING_SEED, 'hex'));
    this.witnesses = config.AUDIT_WITNESSES;
    this.bootstrapKey = config.BOOTSTRAP_ADMIN_KEY;
  }
}
