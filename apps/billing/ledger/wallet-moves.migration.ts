import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What moved the wallets where sales are paid, with its block: so that both sides are compared up to the same one, whatever is sold meanwhile. */
export class WalletMoves1767225614300 implements MigrationInterface {
  name = 'WalletMoves1767225614300';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE billing.wallet_moves (
        transfer uuid PRIMARY KEY,
        tenant text NOT NULL,
        -- In lower case, as in the accounts' codes.
        wallet text NOT NULL,
        currency text NOT NULL,
        -- Below zero: left, or taken back.
        units numeric(39, 0) NOT NULL,
        is_sale boolean NOT NULL,
        -- 0 of those from before blocks were kept.
        block_number bigint NOT NULL
      );
      CREATE INDEX wallet_moves_of_wallet ON billing.wallet_moves (wallet, currency, block_number) INCLUDE (units, is_sale);
      ${tenantPolicy('billing', 'wallet_moves')};
      GRANT SELECT, INSERT ON billing.wallet_moves TO mizan_billing;
      GRANT SELECT ON billing.wallet_moves TO mizan_verify;
      SELECT set_config('app.tenant', '*', true);
      INSERT INTO billing.wallet_moves (transfer, tenant, wallet, currency, units, is_sale, block_number)
        SELECT p.transfer, p.tenant, split_part(a.code, ':', 3), a.currency, p.amount, true, 0 FROM billing.postings p JOIN billing.accounts a ON a.id = p.account WHERE a.kind = 'wallet';
    `);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
