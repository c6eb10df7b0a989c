import type { MigrationInterface, QueryRunner } from 'typeorm';
import { outboxTable } from '#messaging';
import { tenantPolicy } from '#service';

export class CreateSettlement implements MigrationInterface {
  name = 'CreateSettlement1767225600000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(outboxTable('settlement'));
    await queryRunner.query(`
      CREATE TABLE settlement.payers (
        tenant uuid PRIMARY KEY,
        address text NOT NULL UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      ${tenantPolicy('settlement', 'payers')};

      -- Payees by the address that billing names; their index is the chain's to say.
      CREATE TABLE settlement.payees (
        address text PRIMARY KEY,
        payee_index integer UNIQUE,
        created_at timestamptz NOT NULL DEFAULT now()
      );

      -- What the relayer wants done on chain. Bytes are in attempts; the nonce is taken when the first of them is signed.
      CREATE TABLE settlement.transactions (
        id uuid PRIMARY KEY,
        chain_id bigint NOT NULL,
        sender text NOT NULL,
        nonce bigint,
        purpose text NOT NULL CHECK (purpose IN ('register', 'settle')),
        subject text NOT NULL,
        target text NOT NULL,
        data text NOT NULL,
        state text NOT NULL CHECK (state IN ('planned', 'signed', 'broadcast', 'mined', 'final', 'failed')),
        error text,
        mined_tx text,
        mined_block_hash text,
        mined_block bigint,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (chain_id, sender, nonce),
        CHECK (state IN ('planned', 'failed') OR nonce IS NOT NULL)
      );
      -- One piece of business is under way once.
      CREATE UNIQUE INDEX transactions_open ON settlement.transactions (purpose, subject) WHERE state NOT IN ('final', 'failed');

      -- Signed bytes, kept before they are sent, so that a restart sends the same ones.
      CREATE TABLE settlement.attempts (
        hash text PRIMARY KEY,
        transaction uuid NOT NULL REFERENCES settlement.transactions (id),
        raw text NOT NULL,
        max_fee_per_gas numeric(39) NOT NULL,
        max_priority_fee_per_gas numeric(39) NOT NULL,
        number integer NOT NULL,
        sent_at timestamptz,
        UNIQUE (transaction, number)
      );

      CREATE TABLE settlement.statements (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        payer text NOT NULL,
        -- Payees as billing drew them: [{payee, units, cumulativeUnits}], units as text.
        payees jsonb NOT NULL,
        total_units numeric(39) NOT NULL,
        cumulative_total_units numeric(39) NOT NULL,
        -- From here on null until signed.
        epoch bigint,
        list_hash text,
        list text,
        registry_hash text,
        audit_root text,
        audit_size bigint,
        valid_until bigint,
        signature text,
        transaction uuid REFERENCES settlement.transactions (id),
        -- Null until the chain's own event is final.
        settled_tx text,
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (payer, epoch),
        CHECK ((epoch IS NULL) = (signature IS NULL))
      );
      CREATE UNIQUE INDEX statements_open ON settlement.statements (tenant) WHERE settled_tx IS NULL;
      ${tenantPolicy('settlement', 'statements')};

      -- Final events of the escrow; tenant is null while the payer is nobody's.
      CREATE TABLE settlement.chain_events (
        block_hash text NOT NULL,
        tx text NOT NULL,
        log_index integer NOT NULL,
        block_number bigint NOT NULL,
        name text NOT NULL,
        payer text NOT NULL,
        units numeric(39) NOT NULL,
        fields jsonb NOT NULL,
        tenant uuid,
        seen_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (block_hash, tx, log_index)
      );
      CREATE INDEX chain_events_of_nobody ON settlement.chain_events (payer) WHERE tenant IS NULL;
      CREATE INDEX chain_events_payer ON settlement.chain_events (payer, block_number);
      ${tenantPolicy('settlement', 'chain_events')};

      CREATE TABLE settlement.cursors (
        chain_id bigint NOT NULL,
        escrow text NOT NULL,
        next_block bigint NOT NULL,
        PRIMARY KEY (chain_id, escrow)
      );

      GRANT SELECT, INSERT, UPDATE, DELETE ON settlement.outbox TO mizan_settlement;
      GRANT SELECT, INSERT, UPDATE ON settlement.payers, settlement.payees, settlement.transactions, settlement.attempts,
        settlement.statements, settlement.cursors TO mizan_settlement;
      GRANT SELECT, INSERT, UPDATE (tenant) ON settlement.chain_events TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
