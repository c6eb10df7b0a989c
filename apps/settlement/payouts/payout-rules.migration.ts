import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Who proved to own an address, who is held back, how little and how often is paid, and what is disputed. */
export class PayoutRules1767225612772 implements MigrationInterface {
  name = 'PayoutRules1767225612772';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- Proofs by EIP-55 address. The signature is kept: anybody may check it again.
      CREATE TABLE settlement.payee_proofs (
        payee text NOT NULL,
        subject jsonb NOT NULL,
        scheme text NOT NULL CHECK (scheme IN ('eip191-key', 'eip712-key', 'eip191-wallet', 'eip712-wallet')),
        signature text NOT NULL,
        -- Unix seconds until which it was good to be taken.
        valid_until bigint NOT NULL,
        proved_at timestamptz NOT NULL,
        PRIMARY KEY (payee, subject)
      );

      CREATE TABLE settlement.payout_holds (
        id uuid PRIMARY KEY,
        -- Null: by every payer.
        tenant uuid,
        payee text NOT NULL,
        source text NOT NULL CHECK (source IN ('person', 'screening')),
        reason text NOT NULL,
        placed_by uuid,
        placed_at_ms bigint NOT NULL,
        until_ms bigint,
        released_at_ms bigint,
        release_note text
      );
      CREATE UNIQUE INDEX payout_holds_screened ON settlement.payout_holds (payee) WHERE source = 'screening' AND released_at_ms IS NULL;
      CREATE INDEX payout_holds_open ON settlement.payout_holds (tenant) WHERE released_at_ms IS NULL;
      ${tenantPolicy('settlement', 'payout_holds')};

      CREATE TABLE settlement.payout_minimums (
        tenant uuid NOT NULL,
        -- EIP-55; empty: of all payees that have none of their own.
        payee text NOT NULL,
        minimum_nanos numeric(39) NOT NULL CHECK (minimum_nanos > 0),
        PRIMARY KEY (tenant, payee)
      );
      ${tenantPolicy('settlement', 'payout_minimums')};

      CREATE TABLE settlement.payout_schedules (
        tenant uuid PRIMARY KEY,
        schedule jsonb NOT NULL,
        next_at_ms bigint NOT NULL
      );
      CREATE INDEX payout_schedules_next ON settlement.payout_schedules (next_at_ms);
      ${tenantPolicy('settlement', 'payout_schedules')};

      CREATE TABLE settlement.payout_disputes (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        statement uuid NOT NULL REFERENCES settlement.statements (id),
        payee text NOT NULL,
        units numeric(39) NOT NULL,
        opened_by text NOT NULL CHECK (opened_by IN ('payer', 'payee')),
        reason text NOT NULL,
        opened_at_ms bigint NOT NULL,
        resolved_at_ms bigint,
        resolution text,
        CHECK ((resolved_at_ms IS NULL) = (resolution IS NULL))
      );
      CREATE UNIQUE INDEX payout_disputes_open ON settlement.payout_disputes (statement, payee) WHERE resolved_at_ms IS NULL;
      CREATE INDEX payout_disputes_tenant ON settlement.payout_disputes (tenant, id);
      ${tenantPolicy('settlement', 'payout_disputes')};

      GRANT SELECT, INSERT ON settlement.payee_proofs TO mizan_settlement;
      GRANT SELECT, INSERT, UPDATE (released_at_ms, release_note) ON settlement.payout_holds TO mizan_settlement;
      GRANT SELECT, INSERT, UPDATE, DELETE ON settlement.payout_minimums, settlement.payout_schedules TO mizan_settlement;
      GRANT SELECT, INSERT, UPDATE (resolved_at_ms, resolution) ON settlement.payout_disputes TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
