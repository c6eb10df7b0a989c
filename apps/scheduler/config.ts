import { z } from 'zod';

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
});
export type SchedulerConfig = z.output<typeof schedulerConfig>;
