import type { TestDatabase, TestNats } from '#testing';

/** For specs: what a scheduler of its own is told by its environment. `objects`: the directory of contents. */
export const schedulerEnvironment = (nats: TestNats, database: TestDatabase, objects: string): Record<string, string> => ({
  NATS_URL: nats.url,
  NATS_CREDS: nats.credentialFiles.scheduler,
  DATABASE_URL: database.url,
  LOG_LEVEL: 'fatal',
  SCHEDULER_ACCOUNT_PUBLIC_KEY: nats.operator.account,
  SCHEDULER_ACCOUNT_SIGNING_SEED: nats.operator.seeds.accountSigning,
  SCHEDULER_OPERATOR_SEED: nats.operator.seeds.operator,
  SCHEDULER_SYSTEM_CREDS: nats.credentialFiles.system,
  SCHEDULER_MASTER_KEY: '7'.repeat(64),
  OBJECTS_DIRECTORY: objects,
});
