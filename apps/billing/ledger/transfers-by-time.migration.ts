import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Transfers are stored in the order of their time, so that ranges of blocks find those of a period and writing costs next to nothing. */
export class TransfersByTime1767225612848 implements MigrationInterface {
  name = 'TransfersByTime1767225612848';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE INDEX transfers_by_time ON billing.transfers USING brin (posted_at) WITH (pages_per_range = 32)');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
