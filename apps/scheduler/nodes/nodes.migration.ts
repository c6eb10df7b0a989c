import type { MigrationInterface, QueryRunner } from 'typeorm';
import { outboxTable } from '#messaging';

/** Enrolment tokens, nodes, their offers, and the outbox. Nothing here belongs to a tenant: nodes are the deployment's. */
export class Nodes1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE scheduler.nodes (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        public_key text NOT NULL UNIQUE CHECK (public_key ~ '^[0-9a-f]{64}$'),
        nats_public_key text NOT NULL UNIQUE CHECK (nats_public_key ~ '^U[A-Z2-7]{55}$'),
        payout_address text NOT NULL CHECK (payout_address ~ '^0x[0-9a-fA-F]{40}$'),
        facts jsonb NOT NULL,
        evidence text NOT NULL CHECK (evidence IN ('declared', 'contract', 'attested')),
        state text NOT NULL CHECK (state IN ('enrolled', 'revoked')),
        enrolled_at_ms bigint NOT NULL,
        last_seen_ms bigint,
        revoked_at_ms bigint,
        CHECK ((state = 'revoked') = (revoked_at_ms IS NOT NULL))
      );
      CREATE INDEX nodes_revoked ON scheduler.nodes (id) WHERE state = 'revoked';
      CREATE TABLE scheduler.offers (
        id uuid PRIMARY KEY,
        node uuid NOT NULL REFERENCES scheduler.nodes,
        model text NOT NULL,
        endpoints text[] NOT NULL CHECK (cardinality(endpoints) > 0),
        capacity integer NOT NULL CHECK (capacity > 0),
        state text NOT NULL CHECK (state IN ('up', 'down', 'withdrawn')),
        changed_at_ms bigint NOT NULL,
        UNIQUE (node, model)
      );
      CREATE TABLE scheduler.enrolment_tokens (
        id uuid PRIMARY KEY,
        hash text NOT NULL UNIQUE CHECK (hash ~ '^[0-9a-f]{64}$'),
        name text NOT NULL,
        facts jsonb,
        created_at_ms bigint NOT NULL,
        expires_at_ms bigint NOT NULL,
        node uuid UNIQUE REFERENCES scheduler.nodes,
        used_at_ms bigint,
        CHECK ((node IS NULL) = (used_at_ms IS NULL))
      );
      ${outboxTable('scheduler')};
      GRANT SELECT, INSERT, UPDATE (state, last_seen_ms, revoked_at_ms) ON scheduler.nodes TO mizan_scheduler;
      GRANT SELECT, INSERT, UPDATE (state, changed_at_ms) ON scheduler.offers TO mizan_scheduler;
      GRANT SELECT, INSERT, UPDATE (node, used_at_ms) ON scheduler.enrolment_tokens TO mizan_scheduler;
      GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler.outbox TO mizan_scheduler;
    `);
  }

  async down(): Promise<void> {
    throw new Error('nodes are never taken back');
  }
}
