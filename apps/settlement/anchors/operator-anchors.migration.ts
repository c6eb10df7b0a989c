import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the operator anchors as a payer of its own, who credits nobody. Part of no organisation's books. */
export class OperatorAnchors1767225612300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE settlement.operator_anchors (
        id uuid PRIMARY KEY,
        payer text NOT NULL,
        epoch bigint NOT NULL,
        audit_root text NOT NULL,
        audit_size bigint NOT NULL,
        cumulative_total_units numeric(39) NOT NULL,
        transaction uuid NOT NULL REFERENCES settlement.transactions (id),
        -- Null until the chain's own event is final.
        settled_tx text,
        signed_at_ms bigint NOT NULL,
        UNIQUE (payer, epoch)
      );
      CREATE UNIQUE INDEX operator_anchors_open ON settlement.operator_anchors (payer) WHERE settled_tx IS NULL;
      GRANT SELECT, INSERT, UPDATE ON settlement.operator_anchors TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    await Promise.reject(new Error('what was anchored stays known'));
  }
}
