import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Whom stored responses are about, and what erasures of persons have reached. */
export class Erasures1767225612730 implements MigrationInterface {
  name = 'Erasures1767225612730';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Pseudonyms. What was stored before names nobody, and ends with its time.
      ALTER TABLE scheduler.responses ADD COLUMN persons text[] NOT NULL DEFAULT '{}';
      CREATE INDEX responses_persons ON scheduler.responses USING gin (persons) WHERE state <> 'deleted' AND persons <> '{}';
      CREATE INDEX batches_subject ON scheduler.batches (tenant, (declared ->> 'subject')) WHERE declared ->> 'subject' IS NOT NULL;
      CREATE TABLE scheduler.person_erasures (
        erasure uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        person text NOT NULL,
        erased_at_ms bigint NOT NULL,
        -- When it was heard of here: what a request that began before then would store is not stored.
        taken_at_ms bigint NOT NULL,
        responses integer NOT NULL DEFAULT 0,
        files integer NOT NULL DEFAULT 0,
        done_at_ms bigint
      );
      CREATE INDEX person_erasures_person ON scheduler.person_erasures (tenant, person, taken_at_ms);
      CREATE INDEX person_erasures_open ON scheduler.person_erasures (erasure) WHERE done_at_ms IS NULL;
      GRANT SELECT, INSERT, UPDATE ON scheduler.person_erasures TO mizan_scheduler;
    `);
    await runner.query(tenantPolicy('scheduler', 'person_erasures'));
  }

  async down(): Promise<void> {
    throw new Error('what was erased stays erased');
  }
}
