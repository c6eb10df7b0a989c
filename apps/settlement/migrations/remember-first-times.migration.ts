import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When bytes were sent first, so that sending them again does not put off dearer ones; and the last epoch that a statement was signed under. */
export class RememberFirstTimes implements MigrationInterface {
  name = 'RememberFirstTimes1767225612750';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.attempts ADD COLUMN first_sent_at timestamptz;
      UPDATE settlement.attempts SET first_sent_at = sent_at;

      -- The epoch is that of the form which landed; another form may have been signed under a later one.
      ALTER TABLE settlement.statements ADD COLUMN signed_epoch bigint;
      SELECT set_config('app.tenant', '*', true);
      UPDATE settlement.statements s SET signed_epoch = greatest(s.epoch, (SELECT max((h.file::jsonb -> 'statement' ->> 'epoch')::bigint) FROM settlement.handed h WHERE h.statement = s.id))
        WHERE s.epoch IS NOT NULL;
      ALTER TABLE settlement.operator_anchors ADD COLUMN signed_epoch bigint;
      UPDATE settlement.operator_anchors SET signed_epoch = epoch;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
