import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** The wallets where sales are paid, and all that came and left in final blocks. */
export class Wallets1767225614302 implements MigrationInterface {
  name = 'Wallets1767225614302';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE settlement.wallets (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        chain_id bigint NOT NULL,
        token text NOT NULL,
        address text NOT NULL,
        next_block bigint NOT NULL,
        -- Of the block before; null while none was read, or when it is read again.
        last_hash text,
        -- What it held before the first block that is read; null until that is known.
        opening numeric(78),
        -- Base units that are told and make no whole unit yet.
        carry numeric(78) NOT NULL DEFAULT 0,
        -- The last block at which balance and transfers agreed.
        agreed_block bigint NOT NULL DEFAULT -1,
        UNIQUE (chain_id, token, address)
      );
      CREATE TABLE settlement.wallet_transfers (
        wallet integer NOT NULL REFERENCES settlement.wallets (id),
        block_hash text NOT NULL,
        tx text NOT NULL,
        log_index integer NOT NULL,
        block_number bigint NOT NULL,
        counterparty text NOT NULL,
        -- Base units; below zero: sent away.
        amount numeric(78) NOT NULL CHECK (amount <> 0),
        -- open: it may be a sale that is not told yet. sale: payment says which. other: no sale.
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sale', 'other')),
        payment text,
        -- Whom the books and the log have it of, how many units of theirs, and in which block they have it.
        tenant uuid,
        units numeric(39),
        told_block bigint,
        -- Found in no block any more, at this one; and taken off the books.
        gone_at_block bigint,
        reversed_at timestamptz,
        PRIMARY KEY (wallet, block_hash, tx, log_index),
        CHECK ((state = 'open') = (units IS NULL)),
        CHECK ((state = 'sale') <= (payment IS NOT NULL))
      );
      CREATE INDEX wallet_transfers_blocks ON settlement.wallet_transfers (wallet, block_number, log_index);
      CREATE INDEX wallet_transfers_tx ON settlement.wallet_transfers (wallet, tx);
      CREATE INDEX wallet_transfers_open ON settlement.wallet_transfers (wallet) WHERE state = 'open';
      CREATE INDEX wallet_transfers_others ON settlement.wallet_transfers (wallet, block_number DESC, log_index DESC) WHERE state = 'other';
      CREATE INDEX wallet_transfers_gone ON settlement.wallet_transfers (wallet) WHERE gone_at_block IS NOT NULL;
      ${tenantPolicy('settlement', 'wallet_transfers')};
      -- Whether the transfer that paid a sale was read in its wallet.
      ALTER TABLE settlement.x402_payments ADD COLUMN received boolean NOT NULL DEFAULT false;
      CREATE INDEX x402_payments_not_received ON settlement.x402_payments (pay_to) WHERE state = 'settled' AND record IS NOT NULL AND NOT received;
      CREATE INDEX x402_payments_sold ON settlement.x402_payments (pay_to, created_at DESC, id DESC) WHERE state = 'settled' AND record IS NOT NULL;
      GRANT SELECT, INSERT, UPDATE (next_block, last_hash, opening, carry, agreed_block) ON settlement.wallets TO mizan_settlement;
      GRANT SELECT, INSERT, UPDATE ON settlement.wallet_transfers TO mizan_settlement;
      GRANT SELECT ON settlement.wallets, settlement.wallet_transfers TO mizan_verify;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
