import { defineService } from '#service';
import { schedulerConfig } from './config.js';
import { JobLosses1700000000003 } from './jobs/job-losses.migration.js';
import { Jobs1700000000002 } from './jobs/jobs.migration.js';
import { Nodes1700000000001 } from './nodes/nodes.migration.js';
import { PublicUrls1767225610200 } from './nodes/public-urls.migration.js';
import { StoredResponses1767225610301 } from './responses/stored-responses.migration.js';
import { SchedulerModule } from './scheduler.module.js';

/** Nodes, their enrolment, and what they offer; the durable queue, files and batches. */
export const scheduler = defineService({
  name: 'scheduler',
  config: schedulerConfig,
  module: () => SchedulerModule,
  migrations: [Nodes1700000000001, Jobs1700000000002, JobLosses1700000000003, PublicUrls1767225610200, StoredResponses1767225610301],
  http: 'internal',
});
