import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

export class X402Payments implements MigrationInterface {
  name = 'X402Payments1767225612600';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- What callers without an account pay by, each authorisation once.
      CREATE TABLE settlement.x402_payments (
        id text PRIMARY KEY,
        tenant uuid NOT NULL,
        -- The request that is paid for; null where another server brought the payment.
        record uuid,
        request_hash text,
        payer text NOT NULL,
        pay_to text NOT NULL,
        asset text NOT NULL,
        scheme text NOT NULL CHECK (scheme IN ('exact', 'upto')),
        payload jsonb NOT NULL,
        amount_max numeric(39) NOT NULL,
        -- Null until it is fixed.
        amount numeric(39),
        state text NOT NULL CHECK (state IN ('claimed', 'collecting', 'settled', 'failed')),
        -- A claim without an end is given up then: its gateway is gone.
        claimed_until timestamptz NOT NULL,
        transaction uuid REFERENCES settlement.transactions (id),
        -- What paid: our transaction, or somebody's who sent the same authorisation.
        tx text,
        error text,
        created_at timestamptz NOT NULL DEFAULT now(),
        CHECK (amount <= amount_max),
        CHECK ((state = 'claimed') = (amount IS NULL))
      );
      CREATE INDEX x402_payments_open ON settlement.x402_payments (payer) WHERE state IN ('claimed', 'collecting');
      CREATE INDEX x402_payments_page ON settlement.x402_payments (tenant, created_at DESC, id);
      ${tenantPolicy('settlement', 'x402_payments')};
      GRANT SELECT, INSERT, UPDATE, DELETE ON settlement.x402_payments TO mizan_settlement;
      GRANT SELECT ON settlement.x402_payments TO mizan_verify;

      -- What the relayer is for is said by the code.
      ALTER TABLE settlement.transactions DROP CONSTRAINT IF EXISTS transactions_purpose_check;
      ALTER TABLE settlement.transactions ADD CONSTRAINT transactions_purpose_check CHECK (purpose ~ '^[a-z][a-z0-9-]{0,31}$');
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
