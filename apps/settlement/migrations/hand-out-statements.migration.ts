import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Signed forms for the payees, and which machine earns for whom. */
export class HandOutStatements implements MigrationInterface {
  name = 'HandOutStatements1767225612460';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- Each signed form as its payees are given it: they may put it on chain themselves, so it is never changed.
      CREATE TABLE settlement.handed (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant uuid NOT NULL,
        statement uuid NOT NULL REFERENCES settlement.statements (id),
        file text NOT NULL,
        -- Lower-case addresses.
        payees text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX handed_payees ON settlement.handed USING gin (payees);
      ${tenantPolicy('settlement', 'handed')};

      CREATE TABLE settlement.payee_nodes (
        node uuid PRIMARY KEY,
        payee text NOT NULL
      );
      CREATE INDEX payee_nodes_payee ON settlement.payee_nodes (payee);

      GRANT SELECT, INSERT ON settlement.handed, settlement.payee_nodes TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
