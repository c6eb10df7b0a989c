import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What `namedUuid` makes of names, for looks that start from what a caller named. */
export class NameUuids1767225614420 implements MigrationInterface {
  name = 'NameUuids1767225614420';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE FUNCTION billing.named_uuid(VARIADIC parts text[]) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
        SELECT encode(set_byte(set_byte(h.bytes, 6, get_byte(h.bytes, 6) & 15 | 128), 8, get_byte(h.bytes, 8) & 63 | 128), 'hex')::uuid
        FROM (SELECT substr(sha256(string_agg(convert_to(p.part, 'UTF8'), '\\x00'::bytea ORDER BY p.n)), 1, 16) AS bytes FROM unnest(parts) WITH ORDINALITY AS p(part, n)) AS h
      $$`,
    );
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
