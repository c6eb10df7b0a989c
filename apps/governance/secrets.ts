import { ed25519Signer, type NoteSigner } from '#merkle';
import { AllowList } from '#outbound';
import type { GovernanceConfig } from './config.js';
import { FileKeys } from './custody/file-keys.js';
import type { TokenAddress } from './custody/pkcs11-keys.js';
import type { WitnessAddress } from './witnesses/witness-list.js';

/** The service's key material, decoded once. */
export class Secrets {
  readonly masterKeys: FileKeys;
  /** The deployment's KMS. */
  readonly kms: { readonly url: string; readonly mount: string; readonly key: string; readonly namespace?: string; readonly token: string } | undefined;
  /** The deployment's HSM, and the name of the key there. */
  readonly hsm: (TokenAddress & { readonly library: string; readonly key: string }) | undefined;
  /** Which KMS organisations may name. */
  readonly kmsAllowed: AllowList;
  /** Where webhooks may lead beside public addresses, and whether without TLS. */
  readonly webhookAllowed: AllowList;
  readonly webhookPlain: boolean;
  /** The same for buckets. */
  readonly bucketAllowed: AllowList;
  readonly bucketPlain: boolean;
  readonly bucketPushMs: number;
  readonly keyPepper: string;
  /** Signs checkpoints; its name is the log's origin. */
  readonly logSigner: NoteSigner;
  /** Signed them before, and signs that the other follows it. */
  readonly formerSigner: NoteSigner | undefined;
  /** The verifier key before, whose seed is lost. */
  readonly lostKey: string | undefined;
  /** Who cosigns them. */
  readonly witnesses: readonly WitnessAddress[];
  /** A lost head that the operator gives up. */
  readonly acceptedBreak: GovernanceConfig['AUDIT_ACCEPT_BREAK'];
  readonly bootstrapKey: string | undefined;

  constructor(config: GovernanceConfig) {
    this.masterKeys = new FileKeys([Buffer.from(config.GOVERNANCE_MASTER_KEY, 'hex'), ...config.GOVERNANCE_MASTER_KEYS_OLD.map((key) => Buffer.from(key, 'hex'))]);
    this.kms = kmsOf(config);
    this.hsm = hsmOf(config);
    this.kmsAllowed = new AllowList(config.KMS_OUTBOUND_ALLOW);
    this.webhookAllowed = new AllowList(config.WEBHOOK_OUTBOUND_ALLOW);
    this.webhookPlain = config.WEBHOOK_OUTBOUND_ALLOW.length > 0;
    this.bucketAllowed = new AllowList(config.BUCKET_OUTBOUND_ALLOW);
    this.bucketPlain = config.BUCKET_OUTBOUND_ALLOW.length > 0;
    this.bucketPushMs = config.BUCKET_PUSH_MS;
    this.keyPepper = config.KEY_PEPPER;
    this.logSigner = ed25519Signer(config.AUDIT_ORIGIN, Buffer.from(config.AUDIT_SIGNING_SEED, 'hex'));
    this.formerSigner = config.AUDIT_SIGNING_SEED_FORMER === undefined ? undefined : ed25519Signer(config.AUDIT_ORIGIN, Buffer.from(config.AUDIT_SIGNING_SEED_FORMER, 'hex'));
    this.lostKey = config.AUDIT_SIGNING_KEY_LOST;
    this.witnesses = config.AUDIT_WITNESSES;
    this.acceptedBreak = config.AUDIT_ACCEPT_BREAK;
    this.bootstrapKey = config.BOOTSTRAP_ADMIN_KEY;
  }
}

/** Error: TypeError when a KMS is named without its token. */
function kmsOf({ GOVERNANCE_KMS_URL: url, GOVERNANCE_KMS_TOKEN: token, GOVERNANCE_KMS_KEY: key, GOVERNANCE_KMS_MOUNT: mount, GOVERNANCE_KMS_NAMESPACE: namespace }: GovernanceConfig): Secrets['kms'] {
  if (url === undefined) return undefined;
  if (token === undefined) throw new TypeError('GOVERNANCE_KMS_URL is set and GOVERNANCE_KMS_TOKEN is not');
  return { url, mount, key, token, ...(namespace === undefined ? {} : { namespace }) };
}

/** Error: TypeError when a part is missing, or a KMS is named as well. */
function hsmOf({ GOVERNANCE_PKCS11_MODULE: library, GOVERNANCE_PKCS11_TOKEN: token, GOVERNANCE_PKCS11_PIN: pin, GOVERNANCE_KMS_KEY: key, GOVERNANCE_KMS_URL: kms }: GovernanceConfig): Secrets['hsm'] {
  if (library === undefined) return undefined;
  if (token === undefined || pin === undefined) throw new TypeError('GOVERNANCE_PKCS11_MODULE is set: set GOVERNANCE_PKCS11_TOKEN and GOVERNANCE_PKCS11_PIN as well');
  if (kms !== undefined) throw new TypeError('GOVERNANCE_PKCS11_MODULE and GOVERNANCE_KMS_URL are both set: the key over all tenant keys is in one place');
  return { library, token, pin, key };
}
