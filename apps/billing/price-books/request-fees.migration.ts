import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each request costs beside its tokens. */
export class PriceRequests1767225612847 implements MigrationInterface {
  name = 'PriceRequests1767225612847';

  async up(queryRunner: QueryRunner): Promise<void> {
    // NULL: nothing. A price without a book is what a machine asks, and machines ask for tokens.
    await queryRunner.query('ALTER TABLE billing.prices ADD COLUMN request_nanos bigint CHECK (request_nanos > 0), ADD CONSTRAINT prices_request_of_book CHECK (request_nanos IS NULL OR book IS NOT NULL)');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
