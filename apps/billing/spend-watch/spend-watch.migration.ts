import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Alerts on spend, what they have fired, and spend that was unusual. */
export class WatchSpend1767225612820 implements MigrationInterface {
  name = 'WatchSpend1767225612820';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: what was told is kept.
  }
}

const statements = [
  `CREATE TABLE billing.spend_alerts (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    scope text NOT NULL CHECK (scope IN ('organisation', 'project', 'key')),
    subject uuid NOT NULL,
    period text NOT NULL,
    amount_nanos bigint CHECK (amount_nanos > 0),
    thresholds jsonb NOT NULL,
    changed_at_ms bigint NOT NULL,
    UNIQUE (tenant, scope, subject, period)
  )`,
  // A threshold fires once for each period of an alert: this key is what says so, over restarts and in every instance.
  `CREATE TABLE billing.fired_alerts (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    alert uuid NOT NULL,
    scope text NOT NULL,
    subject uuid NOT NULL,
    period text NOT NULL,
    from_ms bigint NOT NULL,
    percent integer NOT NULL,
    name text NOT NULL,
    limit_nanos bigint NOT NULL,
    spent_nanos numeric(39, 0) NOT NULL,
    fired_at_ms bigint NOT NULL,
    UNIQUE (alert, from_ms, percent)
  )`,
  'CREATE INDEX fired_alerts_of_tenant ON billing.fired_alerts (tenant, id)',
  `CREATE TABLE billing.unusual_spend (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    project uuid,
    "window" text NOT NULL CHECK ("window" IN ('hour', 'day')),
    from_ms bigint NOT NULL,
    direction text NOT NULL CHECK (direction IN ('above', 'below')),
    spent_nanos numeric(39, 0) NOT NULL,
    usual_nanos numeric(39, 0) NOT NULL,
    spread_nanos numeric(39, 0) NOT NULL,
    samples integer NOT NULL CHECK (samples > 0),
    found_at_ms bigint NOT NULL
  )`,
  `CREATE UNIQUE INDEX unusual_spend_once ON billing.unusual_spend (tenant, COALESCE(project, tenant), "window", from_ms, direction)`,
  'CREATE INDEX unusual_spend_of_tenant ON billing.unusual_spend (tenant, id)',
  // Who spent anything of late, without reading what is old.
  'CREATE INDEX usage_hours_of_time ON billing.usage_hours (hour_ms, tenant)',
  ...['spend_alerts', 'fired_alerts', 'unusual_spend'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT, UPDATE, DELETE ON billing.spend_alerts TO mizan_billing',
  'GRANT SELECT, INSERT ON billing.fired_alerts, billing.unusual_spend TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.fired_alerts, billing.unusual_spend FROM mizan_billing',
  'GRANT SELECT ON billing.spend_alerts, billing.fired_alerts, billing.unusual_spend TO mizan_verify',
];
