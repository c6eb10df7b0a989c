import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is known of gateways' decision numbers while they run: how far each has counted, and what has arrived beyond that. */
export class GatewayRuns1767225612200 implements MigrationInterface {
  name = 'GatewayRuns1767225612200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.gateway_runs (
        run uuid PRIMARY KEY,
        gateway text NOT NULL,
        counted_to bigint NOT NULL DEFAULT 0,
        highest bigint NOT NULL DEFAULT 0,
        last_sign_at timestamptz NOT NULL DEFAULT now(),
        has_ended boolean NOT NULL DEFAULT false
      );
      CREATE INDEX gateway_runs_open ON governance.gateway_runs (last_sign_at) WHERE NOT has_ended;
      -- What one batch of the log brought of a run's decisions, until the run has counted them.
      CREATE TABLE governance.gateway_run_tails (
        run uuid NOT NULL,
        upto bigint NOT NULL,
        numbers bigint[] NOT NULL,
        records uuid[] NOT NULL,
        PRIMARY KEY (run, upto)
      );
      GRANT SELECT, INSERT, UPDATE ON governance.gateway_runs TO mizan_governance;
      GRANT SELECT, INSERT, DELETE ON governance.gateway_run_tails TO mizan_governance;
      ALTER TABLE governance.gateway_runs ENABLE ROW LEVEL SECURITY;
      ALTER TABLE governance.gateway_runs FORCE ROW LEVEL SECURITY;
      CREATE POLICY service_only ON governance.gateway_runs USING (current_setting('app.tenant', true) = '*');
      ALTER TABLE governance.gateway_run_tails ENABLE ROW LEVEL SECURITY;
      ALTER TABLE governance.gateway_run_tails FORCE ROW LEVEL SECURITY;
      CREATE POLICY service_only ON governance.gateway_run_tails USING (current_setting('app.tenant', true) = '*');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.gateway_run_tails, governance.gateway_runs');
  }
}
