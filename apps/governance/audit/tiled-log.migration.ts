import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/**
 * The log in the shape in which it is served: what was a row and several index entries for each entry and each node of the tree is now pieces of
 * entry bundles, one hash a full tile, and one narrow row an entry. Entries that are there move over; their bytes and hashes stay what they are.
 */
export class TiledLog1767225610600 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`SELECT set_config('app.tenant', '*', true)`);
    await runner.query(tables);
    await runner.query(`${tenantPolicy('governance', 'log_kinds')};
      ALTER TABLE governance.log_ids ENABLE ROW LEVEL SECURITY;
      ALTER TABLE governance.log_ids FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenant_rows ON governance.log_ids
        USING (current_setting('app.tenant', true) = '*' OR kind IN (SELECT code FROM governance.log_kinds))
        WITH CHECK (current_setting('app.tenant', true) = '*')`);
    await runner.query(moveEntries);
    await runner.query(`
      DROP TABLE governance.log_bodies, governance.log_entries, governance.log_nodes;
      ALTER TABLE governance.log_packed_bodies RENAME TO log_bodies;
      ALTER INDEX governance.log_packed_bodies_pkey RENAME TO log_bodies_pkey;
      CREATE VIEW governance.log_entries WITH (security_invoker = true) AS
        SELECT i.index, i.id, k.type, k.tenant FROM governance.log_ids i JOIN governance.log_kinds k ON k.code = i.kind;
    `);
    await runner.query(tenantPolicy('governance', 'log_bodies'));
    await runner.query(`
      GRANT SELECT, INSERT ON governance.log_bundles, governance.log_tiles, governance.log_kinds, governance.log_ids, governance.log_bodies TO mizan_governance;
      GRANT SELECT ON governance.log_entries TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}

/** Long values are hashes and ciphertext for the most part: they lie outside the row as they are, nobody tries to compress them. */
const tables = `
  CREATE TABLE governance.log_bundles (
    first bigint PRIMARY KEY CHECK (first >= 0),
    -- Entries from "first" on, of one tile: each a length of 16 bits and its bytes.
    entries bytea NOT NULL,
    hashes bytea NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    CHECK (first % 256 + length(hashes) / 32 <= 256)
  );
  CREATE TABLE governance.log_tiles (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 6),
    index bigint NOT NULL CHECK (index >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    PRIMARY KEY (level, index)
  );
  CREATE TABLE governance.log_kinds (
    code int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid,
    type text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (tenant, type)
  );
  CREATE TABLE governance.log_ids (
    id uuid NOT NULL,
    index bigint NOT NULL CHECK (index >= 0),
    kind int NOT NULL,
    UNIQUE (id, kind)
  );
  CREATE TABLE governance.log_packed_bodies (
    first bigint NOT NULL,
    part smallint NOT NULL,
    tenant uuid,
    seal_key_id uuid,
    wrapped_key bytea,
    -- One byte a body: its entry is number "first" + that.
    positions bytea NOT NULL,
    -- Each a length of 32 bits, then nonce and ciphertext; where no key is named, the public fields as JSON.
    bodies bytea NOT NULL,
    PRIMARY KEY (first, part),
    CHECK ((seal_key_id IS NULL) = (wrapped_key IS NULL))
  );
  ALTER TABLE governance.log_bundles ALTER entries SET STORAGE EXTERNAL, ALTER hashes SET STORAGE EXTERNAL;
  ALTER TABLE governance.log_packed_bodies ALTER bodies SET STORAGE EXTERNAL, ALTER positions SET STORAGE EXTERNAL`;

const moveEntries = `
  INSERT INTO governance.log_kinds (tenant, type) SELECT DISTINCT tenant, type FROM governance.log_entries;
  INSERT INTO governance.log_ids (id, index, kind)
    SELECT e.id, e.index, k.code FROM governance.log_entries e JOIN governance.log_kinds k ON k.type = e.type AND k.tenant IS NOT DISTINCT FROM e.tenant ORDER BY e.index;
  INSERT INTO governance.log_bundles (first, entries, hashes)
    SELECT min(index), string_agg(substring(int4send(length(envelope)) FROM 3) || envelope, ''::bytea ORDER BY index), string_agg(leaf_hash, ''::bytea ORDER BY index)
    FROM governance.log_entries GROUP BY index / 256 ORDER BY 1;
  INSERT INTO governance.log_tiles (level, index, root) SELECT level / 8 - 1, index, hash FROM governance.log_nodes WHERE level % 8 = 0;
  INSERT INTO governance.log_packed_bodies (first, part, tenant, seal_key_id, wrapped_key, positions, bodies)
    SELECT index / 256 * 256, row_number() OVER (PARTITION BY index / 256) - 1, tenant, seal_key_id, wrapped_key,
      string_agg(substring(int4send((index % 256)::int) FROM 4), ''::bytea ORDER BY index), string_agg(int4send(length(body)) || body, ''::bytea ORDER BY index)
    FROM (SELECT *, COALESCE(nonce || ciphertext, convert_to(fields::text, 'UTF8')) AS body FROM governance.log_bodies) b
    GROUP BY index / 256, tenant, seal_key_id, wrapped_key`;
