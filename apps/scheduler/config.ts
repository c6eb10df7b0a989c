import { z } from 'zod';
import { allowListText } from '#outbound';
import { batchLimits } from '#protocol';

const seed = (kind: string, prefix: string) => z.string().regex(new RegExp(`^S${prefix}[A-Z2-7]{56}$`), `the seed of an ${kind} key`);

/** Environment of the scheduler, beside what every service understands. */
export const schedulerConfig = z.object({
  NATS_URL: z.string().min(1),
  /** Where nodes connect: told to them at enrolment. The services' own URL when left out. */
  PUBLIC_NATS_URL: z.string().min(1).optional(),
  /** Public key of the deployment's NATS account. */
  SCHEDULER_ACCOUNT_PUBLIC_KEY: z.string().regex(/^A[A-Z2-7]{55}$/, "an account's public key"),
  /** Signs the nodes' credentials. */
  SCHEDULER_ACCOUNT_SIGNING_SEED: seed('account', 'A'),
  /** Signs the account's claims when a node is revoked. */
  SCHEDULER_OPERATOR_SEED: seed('operator', 'O'),
  /** Path of the system account's credentials, which may push account claims. */
  SCHEDULER_SYSTEM_CREDS: z.string().min(1),
  /** 32 bytes, hex: the key over the organisations' keys under which files and answers are encrypted at rest. Lost, they are lost. */
  SCHEDULER_MASTER_KEY: z.string().regex(/^[0-9a-f]{64}$/, '32 bytes in hex'),
  /** The directory in which objects are kept; several schedulers share one. Not read where a bucket is named. */
  OBJECTS_DIRECTORY: z.string().min(1).optional(),
  /** The bucket in which objects are kept, at any service that speaks the API of S3. */
  OBJECTS_S3_BUCKET: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket').optional(),
  OBJECTS_S3_ENDPOINT: z.string().regex(/^https?:\/\/[^/\s@?#]+\/?$/, 'a URL without a path, as https://s3.eu-central-1.amazonaws.com').optional(),
  OBJECTS_S3_REGION: z.string().regex(/^[a-z0-9-]{1,64}$/, 'the name of a region').default('us-east-1'),
  /** Before the names of objects. */
  OBJECTS_S3_PREFIX: z.string().regex(/^([a-z0-9_-]+\/)*$/, 'names with a slash behind each, as mizan/').default(''),
  OBJECTS_S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  OBJECTS_S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  OBJECTS_S3_SESSION_TOKEN: z.string().min(1).optional(),
  /** Where gateways reach this service's HTTP to move contents; this process's own address when left out. */
  INTERNAL_URL: z.url().optional(),
  /** A line lost with its gateway within this time of its start runs again under the same record; later the books are asked first. */
  SCHEDULER_RERUN_MS: z.coerce.number().int().min(0).max(60_000).default(45_000),
  /** Hosts and blocks of addresses that public URLs of nodes may lead to though they are not public; the same as the gateways'. */
  NODE_OUTBOUND_ALLOW: allowListText,
  SCHEDULER_LINE_LEASE_MS: z.coerce.number().int().min(300).max(60_000).default(batchLimits.lineLeaseMs),
});
export type SchedulerConfig = z.output<typeof schedulerConfig>;
