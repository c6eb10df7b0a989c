import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Prices that operators give offers, proposed by one person and approved by another. They are the deployment's, of no tenant. */
export class ChangePrices1767225613403 implements MigrationInterface {
  name = 'ChangePrices1767225613403';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: who agreed to a price is kept.
  }
}

const statements = [
  `CREATE TABLE billing.price_changes (
    id uuid PRIMARY KEY,
    offer uuid NOT NULL REFERENCES billing.offers (id),
    -- What is asked for, amounts as text.
    said jsonb NOT NULL,
    hash text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at_ms bigint NOT NULL,
    approved_by uuid,
    approved_at_ms bigint,
    effective_from_ms bigint,
    ended_at_ms bigint,
    -- The price version that it became; NULL in one that ended without: its offer had left the market.
    version uuid REFERENCES billing.prices (version),
    CHECK (approved_by <> proposed_by),
    CHECK ((approved_by IS NULL) = (effective_from_ms IS NULL) AND (approved_by IS NULL) = (approved_at_ms IS NULL)),
    CHECK (effective_from_ms >= approved_at_ms),
    CHECK (ended_at_ms >= effective_from_ms),
    CHECK (version IS NULL OR ended_at_ms IS NOT NULL)
  )`,
  'CREATE INDEX price_changes_due ON billing.price_changes (effective_from_ms) WHERE approved_by IS NOT NULL AND ended_at_ms IS NULL',
  'CREATE INDEX price_changes_of_offer ON billing.price_changes (offer, id)',
  'GRANT SELECT, INSERT ON billing.price_changes TO mizan_billing',
  'GRANT UPDATE (approved_by, approved_at_ms, effective_from_ms, ended_at_ms, version) ON billing.price_changes TO mizan_billing',
  'GRANT SELECT ON billing.price_changes TO mizan_verify',
];
