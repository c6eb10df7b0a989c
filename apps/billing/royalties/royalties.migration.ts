import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What owners of data have of charges. */
export class CreateRoyalties1767225612700 implements MigrationInterface {
  name = 'CreateRoyalties1767225612700';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.royalties (
    record uuid NOT NULL,
    owner text NOT NULL CHECK (owner = lower(owner)),
    dataset text NOT NULL,
    tenant uuid NOT NULL,
    use text NOT NULL,
    basis_points integer NOT NULL CHECK (basis_points BETWEEN 1 AND 10000),
    amount_nanos bigint NOT NULL CHECK (amount_nanos >= 0),
    payer text NOT NULL,
    booked_at_ms bigint NOT NULL,
    PRIMARY KEY (record, owner, dataset)
  )`,
  'CREATE INDEX royalties_of_owner ON billing.royalties (owner, booked_at_ms)',
  'CREATE INDEX royalties_of_payer ON billing.royalties (payer, booked_at_ms)',
  tenantPolicy('billing', 'royalties'),
  'GRANT SELECT, INSERT ON billing.royalties TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.royalties FROM mizan_billing',
  'GRANT SELECT ON billing.royalties TO mizan_verify',
];
