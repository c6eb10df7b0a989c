import { z } from 'zod';
import { allowListText } from '#outbound';
import { witnessList, type WitnessAddress } from './witnesses/witness-list.js';

const key32 = z.string().regex(/^[0-9a-f]{64}$/, '32 bytes in lower-case hexadecimal');

/** Environment of the governance service, beside what every service understands. */
export const governanceConfig = z.object({
  /** Over all tenant keys, unless a KMS is. */
  GOVERNANCE_MASTER_KEY: key32,
  /** What it was before, newest first, divided by commas: they open what `mizan keys rotate --master` has not yet brought under the new one. */
  GOVERNANCE_MASTER_KEYS_OLD: z.string().default('').transform((text) => text.split(',').map((key) => key.trim()).filter((key) => key !== '')).pipe(z.array(key32).max(8)),
  /** A KMS (Vault's transit engine) that keeps the key over all tenant keys; its token and the name of the key. */
  GOVERNANCE_KMS_URL: z.url().optional(),
  GOVERNANCE_KMS_TOKEN: z.string().optional(),
  GOVERNANCE_KMS_KEY: z.string().default('mizan'),
  GOVERNANCE_KMS_MOUNT: z.string().default('transit'),
  GOVERNANCE_KMS_NAMESPACE: z.string().optional(),
  /** Instead of a KMS, a hardware security module: its PKCS#11 library (absolute path), the label of its token and the PIN of the token's user; `GOVERNANCE_KMS_KEY` is the key's label. */
  GOVERNANCE_PKCS11_MODULE: z.string().startsWith('/', 'an absolute path').optional(),
  GOVERNANCE_PKCS11_TOKEN: z.string().min(1).max(32).optional(),
  GOVERNANCE_PKCS11_PIN: z.string().optional(),
  /** Where organisations' own KMS may be beside public addresses: host names and blocks of addresses. */
  KMS_OUTBOUND_ALLOW: allowListText,
  /** The same for webhooks; with anything here they may be plain http too. */
  WEBHOOK_OUTBOUND_ALLOW: allowListText,
  /** The same for buckets. */
  BUCKET_OUTBOUND_ALLOW: allowListText,
  /** How often what is new is put into them. */
  BUCKET_PUSH_MS: z.coerce.number().int().min(100).default(60_000),
  /** Keys the hashes of API keys; the same text as the gateways'. */
  KEY_PEPPER: z.string().min(16),
  /** Name of the audit log and of its key: a URL without scheme. */
  AUDIT_ORIGIN: z.string().regex(/^[^\s+]+$/, 'no spaces and no plus sign').default('mizan.local/audit'),
  /** Ed25519 seed that signs the log's checkpoints. */
  AUDIT_SIGNING_SEED: key32,
  /** What it was before: at a change of the key both sign it, and it stays here until the log has that as an entry. */
  AUDIT_SIGNING_SEED_FORMER: key32.optional(),
  /** The verifier key of the one before, when its seed is lost: the change is then signed by the new one alone, and nobody follows it by itself. */
  AUDIT_SIGNING_KEY_LOST: z.string().optional(),
  /** A head that was signed and is lost for good, which the log is to go on without: `<size> <root>`, as the service names it. */
  AUDIT_ACCEPT_BREAK: z
    .string()
    .regex(/^(0|[1-9]\d{0,14}) [0-9a-f]{64}$/, 'size, space, root in lower-case hexadecimal')
    .transform((text) => ({ size: Number(text.split(' ')[0]), root: Buffer.from(text.split(' ')[1]!, 'hex') }))
    .optional(),
  /** Witnesses outside that cosign checkpoints: `<url> <verifier key>`, divided by commas or newlines. */
  AUDIT_WITNESSES: z
    .string()
    .default('')
    .transform((text, context): WitnessAddress[] => {
      try {
        return witnessList(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    }),
  /** How often they are asked. */
  AUDIT_WITNESS_INTERVAL_MS: z.coerce.number().int().min(100).default(5_000),
  /** The first administrator's API key; without it one is made and printed once. */
  BOOTSTRAP_ADMIN_KEY: z.string().optional(),
});
export type GovernanceConfig = z.output<typeof governanceConfig>;
