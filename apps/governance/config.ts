import { z } from 'zod';

const key32 = z.string().regex(/^[0-9a-f]{64}$/, '32 bytes in lower-case hexadecimal');

/** Environment of the governance service, beside what every service understands. */
export const governanceConfig = z.object({
  /** Wraps the tenants' private sealing keys at rest. */
  GOVERNANCE_MASTER_KEY: key32,
  /** Keys the hashes of API keys; the same text as the gateways'. */
  KEY_PEPPER: z.string().min(16),
  /** Name of the audit log and of its key: a URL without scheme. */
  AUDIT_ORIGIN: z.string().regex(/^[^\s+]+$/, 'no spaces and no plus sign').default('mizan.local/audit'),
  /** Ed25519 seed that signs the log's checkpoints. */
  AUDIT_SIGNING_SEED: key32,
  /** The first administrator's API key; without it one is made and printed once. */
  BOOTSTRAP_ADMIN_KEY: z.string().optional(),
});
export type GovernanceConfig = z.output<typeof governanceConfig>;
