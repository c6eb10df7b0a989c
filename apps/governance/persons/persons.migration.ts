import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Keys of those whom data is about, and that they were destroyed. */
export class Persons1767225612110 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Two random UUIDs are 244 random bits.
      ALTER TABLE governance.organisations
        ADD COLUMN person_salt bytea NOT NULL DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
        ADD COLUMN erasures integer NOT NULL DEFAULT 0;
      CREATE TABLE governance.erasures (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        person text NOT NULL CHECK (person ~ '^[0-9a-f]{64}$'),
        basis text NOT NULL,
        reference text,
        requested_at_ms bigint NOT NULL,
        erased_at_ms bigint NOT NULL,
        person_key uuid NOT NULL UNIQUE,
        search_rows integer NOT NULL
      );
      CREATE INDEX erasures_person ON governance.erasures (tenant, person, id);
      CREATE TABLE governance.person_keys (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        created_at_ms bigint NOT NULL,
        -- All three are gone once the person is erased.
        person text CHECK (person ~ '^[0-9a-f]{64}$'),
        public_key bytea CHECK (length(public_key) = 32),
        -- The private half, sealed to a sealing key of the organisation.
        sealed json,
        erasure uuid REFERENCES governance.erasures DEFERRABLE INITIALLY DEFERRED,
        CHECK ((erasure IS NULL) = (person IS NOT NULL) AND (person IS NULL) = (sealed IS NULL) AND (person IS NULL) = (public_key IS NULL))
      );
      CREATE UNIQUE INDEX person_keys_person ON governance.person_keys (tenant, person) WHERE person IS NOT NULL;
      ALTER TABLE governance.search_entries ADD COLUMN person_key uuid;
      CREATE INDEX search_entries_person ON governance.search_entries (tenant, person_key) WHERE person_key IS NOT NULL;
    `);
    for (const table of ['erasures', 'person_keys']) await runner.query(tenantPolicy('governance', table));
    await runner.query(`
      GRANT UPDATE (erasures) ON governance.organisations TO mizan_governance;
      GRANT SELECT, INSERT ON governance.erasures TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE (person, public_key, sealed, erasure) ON governance.person_keys TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('keys are never taken back by a migration');
  }
}
