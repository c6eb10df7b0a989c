import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where in the log each number of a gateway's run was counted. What was counted before is read out of the log once. */
export class DecisionCounts1767225614100 implements MigrationInterface {
  name = 'DecisionCounts1767225614100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SELECT set_config('app.tenant', '*', true)`);
    await runner.query(`
      CREATE TABLE governance.decision_counts (
        index bigint PRIMARY KEY,
        record uuid NOT NULL,
        run uuid NOT NULL,
        from_number bigint NOT NULL,
        to_number bigint NOT NULL,
        -- What a gateway counted, as against what governance knew of one that went silent.
        is_count boolean NOT NULL
      );
      CREATE INDEX decision_counts_of_run ON governance.decision_counts (run, to_number);
      GRANT SELECT, INSERT ON governance.decision_counts TO mizan_governance;
      ALTER TABLE governance.decision_counts ENABLE ROW LEVEL SECURITY;
      ALTER TABLE governance.decision_counts FORCE ROW LEVEL SECURITY;
      CREATE POLICY service_only ON governance.decision_counts USING ((SELECT current_setting('app.tenant', true)) = '*');
    `);
    await runner.query(takeOver);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.decision_counts');
  }
}

/** Public bodies lie in packs: one byte a body for its place, and each a length of 32 bits and JSON. What they are of is looked up for all of them at once. */
const takeOver = `
  CREATE TABLE governance.read_counts (index bigint, run uuid, from_number bigint, to_number bigint, is_count boolean);
  DO $$ DECLARE pack record; place int; start int; size int; body jsonb; found text; BEGIN
    FOR pack IN SELECT first, positions, bodies FROM governance.log_bodies WHERE seal_key_id IS NULL LOOP
      start := 1;
      FOR place IN 0 .. length(pack.positions) - 1 LOOP
        size := ('x' || encode(substring(pack.bodies FROM start FOR 4), 'hex'))::bit(32)::int;
        found := convert_from(substring(pack.bodies FROM start + 4 FOR size), 'UTF8');
        IF found LIKE '%"run":%' THEN
          body := found::jsonb;
          IF body ?& ARRAY['run', 'from', 'to', 'leaves'] THEN
            INSERT INTO governance.read_counts VALUES (pack.first + get_byte(pack.positions, place), (body ->> 'run')::uuid, (body ->> 'from')::bigint, (body ->> 'to')::bigint, true);
          ELSIF body ?& ARRAY['run', 'countedTo', 'lastKnown'] THEN
            INSERT INTO governance.read_counts VALUES (pack.first + get_byte(pack.positions, place), (body ->> 'run')::uuid, (body ->> 'countedTo')::bigint + 1, (body ->> 'lastKnown')::bigint, false);
          END IF;
        END IF;
        start := start + 4 + size;
      END LOOP;
    END LOOP;
  END $$;
  INSERT INTO governance.decision_counts SELECT c.index, e.id, c.run, c.from_number, c.to_number, c.is_count
    FROM governance.read_counts c JOIN governance.log_entries e ON e.index = c.index AND e.type = CASE WHEN c.is_count THEN 'decisions.counted' ELSE 'run.closed' END;
  DROP TABLE governance.read_counts`;
