import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Daily closes of the books: what was compared with what, and every difference. They are the deployment's, of no tenant. */
export class CreateCloses1767225611200 implements MigrationInterface {
  name = 'CreateCloses1767225611200';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.closes (
    number integer PRIMARY KEY CHECK (number > 0),
    record uuid NOT NULL UNIQUE,
    closed_at_ms bigint NOT NULL,
    log_size bigint NOT NULL,
    trial_balance_hash text NOT NULL,
    -- All charges up to this close and what they come to: a period's are the difference to the close before.
    charges bigint NOT NULL,
    charged_nanos numeric(39, 0) NOT NULL,
    matched bigint NOT NULL,
    open_claims bigint NOT NULL,
    block bigint,
    differences integer NOT NULL
  )`,
  `CREATE TABLE billing.close_differences (
    close integer NOT NULL REFERENCES billing.closes (number),
    line integer NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (close, line)
  )`,
  // Ends below a close's log_size that the books did not have by then: they are in the next period.
  `CREATE TABLE billing.close_carried (
    close integer NOT NULL REFERENCES billing.closes (number),
    record uuid NOT NULL,
    type text NOT NULL,
    tenant uuid NOT NULL,
    log_index bigint NOT NULL,
    charge_nanos numeric(39, 0),
    unreadable boolean NOT NULL,
    PRIMARY KEY (close, record)
  )`,
  'GRANT SELECT, INSERT ON billing.closes, billing.close_differences, billing.close_carried TO mizan_billing',
  'GRANT SELECT ON billing.closes, billing.close_differences, billing.close_carried TO mizan_verify',
];
