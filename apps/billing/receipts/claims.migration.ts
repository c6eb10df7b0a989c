import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How claims were resolved: said once, kept beside the receipts. */
export class ResolveClaims1767225612710 implements MigrationInterface {
  name = 'ResolveClaims1767225612710';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: what was decided is kept.
  }
}

const statements = [
  `CREATE TABLE billing.claim_resolutions (
    record uuid NOT NULL,
    node uuid NOT NULL,
    resolution text NOT NULL CHECK (resolution IN ('rejected', 'paid_outside', 'withdrawn')),
    note text NOT NULL,
    actor jsonb NOT NULL,
    resolved_at_ms bigint NOT NULL,
    PRIMARY KEY (record, node)
  )`,
  'GRANT SELECT, INSERT ON billing.claim_resolutions TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.claim_resolutions FROM mizan_billing',
  'GRANT SELECT ON billing.claim_resolutions TO mizan_verify',
];
