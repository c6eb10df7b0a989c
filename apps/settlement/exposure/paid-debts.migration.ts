import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What final statements paid of each tenant's debts, as running sums, and which statements are in them. */
export class PaidDebts1767225613100 implements MigrationInterface {
  name = 'PaidDebts1767225613100';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.statements ADD COLUMN is_paid boolean NOT NULL DEFAULT false, ADD CHECK (NOT is_paid OR settled_tx IS NOT NULL);
      CREATE INDEX statements_to_count ON settlement.statements (payer) WHERE settled_tx IS NOT NULL AND NOT is_paid;

      CREATE TABLE settlement.paid_debts (
        tenant uuid NOT NULL,
        -- Lower-case address.
        payee text NOT NULL,
        -- Of statements with a rate, each rounded up to a nano.
        nanos numeric NOT NULL,
        -- Of statements without one, in units: they are worth what the escrow's unit is at par.
        par_units numeric NOT NULL,
        PRIMARY KEY (tenant, payee)
      );
      ${tenantPolicy('settlement', 'paid_debts')};
      GRANT SELECT, INSERT, UPDATE ON settlement.paid_debts TO mizan_settlement;

      SELECT set_config('app.tenant', '*', true);
      UPDATE settlement.statements s SET is_paid = true WHERE s.settled_tx IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM settlement.chain_events e WHERE e.payer = s.payer AND e.name = 'EpochSettled' AND e.taken_back_at IS NOT NULL AND (e.fields ->> 'epoch')::bigint = s.epoch);
      INSERT INTO settlement.paid_debts (tenant, payee, nanos, par_units)
        SELECT s.tenant, lower(p ->> 'payee'),
          coalesce(sum(div((p ->> 'units')::numeric * (s.rate ->> 'nanos')::numeric + (s.rate ->> 'units')::numeric - 1, (s.rate ->> 'units')::numeric)), 0),
          coalesce(sum((p ->> 'units')::numeric) FILTER (WHERE s.rate IS NULL), 0)
        FROM settlement.statements s, jsonb_array_elements(s.payees) p WHERE s.is_paid GROUP BY 1, 2;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
