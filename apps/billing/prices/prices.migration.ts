import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nodes with their payees, offers, and every price that was ever asked. None of it belongs to a tenant. */
export class CreatePrices1767225600003 implements MigrationInterface {
  name = 'CreatePrices1767225600003';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.nodes (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    public_key text NOT NULL,
    payout_address text NOT NULL CHECK (payout_address = lower(payout_address))
  )`,
  // A revocation may be heard of before the enrolment.
  'CREATE TABLE billing.revoked_nodes (id uuid PRIMARY KEY)',
  `CREATE TABLE billing.offers (
    id uuid PRIMARY KEY,
    node uuid NOT NULL,
    model text NOT NULL
  )`,
  'CREATE INDEX offers_of_node ON billing.offers (node)',
  `CREATE TABLE billing.prices (
    version uuid PRIMARY KEY,
    offer uuid NOT NULL,
    currency text NOT NULL,
    input_nanos_per_million bigint NOT NULL CHECK (input_nanos_per_million >= 0),
    output_nanos_per_million bigint NOT NULL CHECK (output_nanos_per_million >= 0),
    hash text NOT NULL,
    valid_from_ms bigint NOT NULL,
    valid_to_ms bigint CHECK (valid_to_ms >= valid_from_ms)
  )`,
  'CREATE UNIQUE INDEX prices_in_force ON billing.prices (offer) WHERE valid_to_ms IS NULL',
  'CREATE INDEX prices_of_offer ON billing.prices (offer, valid_from_ms)',
  'GRANT SELECT, INSERT ON billing.nodes, billing.revoked_nodes, billing.offers, billing.prices TO mizan_billing',
  'GRANT UPDATE (valid_to_ms) ON billing.prices TO mizan_billing',
  // Row locks on an offer serialise its price changes.
  'GRANT UPDATE (model) ON billing.offers TO mizan_billing',
  'GRANT SELECT ON ALL TABLES IN SCHEMA billing TO mizan_verify',
];
