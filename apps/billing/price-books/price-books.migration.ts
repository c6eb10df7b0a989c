import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Versions of what is added to machines' prices, and what each price and charge was made of. */
export class PriceBooks1767225612822 implements MigrationInterface {
  name = 'PriceBooks1767225612822';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.price_books (
    id uuid PRIMARY KEY,
    note text NOT NULL,
    asked_from_ms bigint NOT NULL,
    rules jsonb NOT NULL,
    hash text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at_ms bigint NOT NULL,
    approved_by uuid,
    approved_at_ms bigint,
    -- Never before it was approved, and never before that of the one approved last.
    effective_from_ms bigint,
    CHECK (approved_by <> proposed_by),
    CHECK ((approved_by IS NULL) = (effective_from_ms IS NULL)),
    CHECK (effective_from_ms >= approved_at_ms)
  )`,
  'CREATE INDEX price_books_in_force ON billing.price_books (effective_from_ms DESC, approved_at_ms DESC) WHERE approved_by IS NOT NULL',
  'GRANT SELECT, INSERT ON billing.price_books TO mizan_billing',
  'GRANT UPDATE (approved_by, approved_at_ms, effective_from_ms) ON billing.price_books TO mizan_billing',
  'GRANT SELECT ON billing.price_books TO mizan_verify',
  `ALTER TABLE billing.prices ADD COLUMN book uuid REFERENCES billing.price_books (id), ADD COLUMN network text,
     ADD COLUMN ask_input_nanos_per_million bigint, ADD COLUMN ask_output_nanos_per_million bigint,
     ADD COLUMN network_fee_basis_points integer, ADD COLUMN markup_basis_points integer,
     ADD CONSTRAINT prices_of_book CHECK (num_nulls(book, ask_input_nanos_per_million, ask_output_nanos_per_million, network_fee_basis_points, markup_basis_points) IN (0, 5))`,
  // NULL: the machine earned all of it.
  `ALTER TABLE billing.charges ADD COLUMN earned_nanos bigint CHECK (earned_nanos BETWEEN 0 AND amount_nanos), ADD COLUMN network_fee_nanos bigint CHECK (network_fee_nanos BETWEEN 0 AND amount_nanos - earned_nanos)`,
];
