import { defineService } from '#service';
import { schedulerConfig } from './config.js';
import { Nodes1700000000001 } from './nodes/nodes.migration.js';
import { SchedulerModule } from './scheduler.module.js';

/** Nodes, their enrolment, and what they offer. */
export const scheduler = defineService({
  name: 'scheduler',
  config: schedulerConfig,
  module: () => SchedulerModule,
  migrations: [Nodes1700000000001],
  http: 'internal',
});
