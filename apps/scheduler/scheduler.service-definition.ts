import { defineService } from '#service';
import { schedulerConfig } from './config.js';
import { HeldDeletions1767225614000 } from './deletions/held-deletions.migration.js';
import { Erasures1767225612730 } from './erasures/erasures.migration.js';
import { JobLosses1700000000003 } from './jobs/job-losses.migration.js';
import { Jobs1700000000002 } from './jobs/jobs.migration.js';
import { JobsByKind1767225612926 } from './jobs/jobs-by-kind.migration.js';
import { Nodes1700000000001 } from './nodes/nodes.migration.js';
import { ContentKeys1767225614401 } from './objects/content-keys.migration.js';
import { PlacedUploads1767225614440 } from './objects/placed-uploads.migration.js';
import { PublicUrls1767225610200 } from './nodes/public-urls.migration.js';
import { BackgroundResponses1767225612920 } from './responses/background-responses.migration.js';
import { StoredResponses1767225610301 } from './responses/stored-responses.migration.js';
import { SchedulerModule } from './scheduler.module.js';

/** Nodes, their enrolment, and what they offer; the durable queue, files and batches. */
export const scheduler = defineService({
  name: 'scheduler',
  config: schedulerConfig,
  module: () => SchedulerModule,
  migrations: [Nodes1700000000001, Jobs1700000000002, JobLosses1700000000003, PublicUrls1767225610200, StoredResponses1767225610301, Erasures1767225612730, BackgroundResponses1767225612920, JobsByKind1767225612926, HeldDeletions1767225614000, ContentKeys1767225614401, PlacedUploads1767225614440],
  http: 'internal',
});
