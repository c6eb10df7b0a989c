import { databaseServices } from '#local';
import type { LocalDatabase } from '#local';
import { migrate } from '#service';
import { billing } from '../../billing/billing.service-definition.js';
import { governance } from '../../governance/governance.service-definition.js';
import { scheduler } from '../../scheduler/scheduler.service-definition.js';
import { settlement } from '../../settlement/settlement.service-definition.js';

const definitions = { billing, governance, scheduler, settlement };

/** Runs what is new of every service's migrations, each with its own owner role. Returns how many ran. */
export async function migrateServices(database: Pick<LocalDatabase, 'ownerUrl'>): Promise<number> {
  const done = await Promise.all(databaseServices.map((service) => migrate(definitions[service], database.ownerUrl(service))));
  return done.flat().length;
}
