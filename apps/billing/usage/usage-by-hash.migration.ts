import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sums are found by the hash of their tags: an index holds 2,704 bytes, and the tags of one request may be 16 KiB, which stopped the books. */
export class UsageByHashOfTags1767225612872 implements MigrationInterface {
  name = 'UsageByHashOfTags1767225612872';

  async up(queryRunner: QueryRunner): Promise<void> {
    // SHA-256 over the text of the array, which quotes its elements: two lists of tags with one key would hold up the batch that they are in.
    await queryRunner.query(`CREATE FUNCTION billing.tags_key(tags text[]) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT pg_catalog.sha256(pg_catalog.convert_to(tags::text, 'UTF8')) $$`);
    for (const [table, more] of [['usage_hours', ''], ['usage_meters', ', meter']] as const) {
      await queryRunner.query(`ALTER TABLE billing.${table} DROP CONSTRAINT ${table}_pkey`);
      await queryRunner.query(`CREATE UNIQUE INDEX ${table}_key ON billing.${table} (tenant, hour_ms, project, key_id, model, endpoint, billing.tags_key(tags)${more})`);
    }
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
