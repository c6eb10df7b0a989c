import { z } from 'zod';
import { ensureRoles, ensureSchemas, ownerRole, urlFor, withClient } from '#local';
import { migrateServices } from '../infrastructure/migrate-services.js';

/**
 * Brings roles, schemas and tables up to date. Environment: DATABASE_ADMIN_URL (a role that may create roles and schemas),
 * DATABASE_PASSWORDS (JSON: role → password).
 */
const { DATABASE_ADMIN_URL, DATABASE_PASSWORDS } = process.env;
if (!DATABASE_ADMIN_URL || !DATABASE_PASSWORDS) {
  console.error('migrate-database: set DATABASE_ADMIN_URL and DATABASE_PASSWORDS');
  process.exit(2);
}
const passwords = z.record(z.string(), z.string()).parse(JSON.parse(DATABASE_PASSWORDS));
const password = (role: string): string => {
  const known = passwords[role];
  if (known === undefined) throw new Error(`DATABASE_PASSWORDS lacks ${role}`);
  return known;
};
await withClient(DATABASE_ADMIN_URL, async (client) => {
  await ensureRoles(client, password);
  await ensureSchemas(client);
});
const owner = (service: string): string => urlFor(DATABASE_ADMIN_URL, ownerRole(service), password(ownerRole(service)));
console.log(`the database is up to date: ${await migrateServices({ ownerUrl: owner })} migrations ran`);
