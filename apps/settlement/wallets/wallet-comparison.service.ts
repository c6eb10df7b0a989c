import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ReconciledWallet, WalletInBooks } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { isDueAgain } from '../reconciliation/read-again.js';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { inBooks } from './compare-wallet.js';
import type { ComparedWallet } from './compare-wallet.js';
import type { WalletTransfer } from './wallet.js';
import { WalletReader } from './wallet-reader.service.js';
import { WalletStore } from './wallet.store.js';
import { WalletTransferStore } from './wallet-transfer.store.js';

/** Transfers that are shown of each wallet. */
const shownMax = 20;

export interface WalletOnChain extends ComparedWallet {
  readonly transfers: readonly WalletTransfer[];
}

/** The wallets where sales are paid as chain, transfers and sales have them. */
@Injectable()
export class WalletComparison {
  private readonly logger = new Logger(WalletComparison.name);
  /** By wallet, the block at which its transfers were read again last: what stays missing is read again ever more seldom. */
  private readonly readAgainAt = new Map<number, number>();

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_START_BLOCK'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly reader: WalletReader,
    private readonly wallets: WalletStore,
    private readonly transfers: WalletTransferStore,
  ) {}

  /** Those that are read up to a final block. Where an endpoint kept something back it is read again from the last block at which all agreed. Error: CHAIN_UNAVAILABLE. */
  async at(block: number): Promise<WalletOnChain[]> {
    const read = await this.reader.readTo(block);
    const { unit } = await this.chain.constants();
    const found: WalletOnChain[] = [];
    for (const { id, address } of read) {
      const held = await this.chain.heldTokens(block, address);
      found.push(
        await withTenant(this.dataSource, '*', async (manager) => {
          const wallet = await this.wallets.lock(manager, id);
          const sums = await this.transfers.sums(manager, wallet, block, unit);
          const opening = wallet.opening ?? held - sums.net;
          if (wallet.opening === null) await this.wallets.setOpening(manager, id, opening);
          if (held === opening + sums.net) await this.wallets.agreed(manager, id, block);
          else if (isDueAgain(this.readAgainAt.get(id), wallet.agreedBlock, block)) {
            this.readAgainAt.set(id, block);
            this.logger.warn(`transfers of wallet ${address} are missing; they are read again from block ${wallet.agreedBlock + 1}`);
            await this.wallets.turnBack(manager, id, Math.max(this.config.SETTLEMENT_START_BLOCK, wallet.agreedBlock + 1));
          }
          const [tenant, unpaid, transfers] = [await this.transfers.seller(manager, wallet), await this.transfers.unpaid(manager, wallet, block, unit), await this.transfers.newestOthers(manager, wallet, block, shownMax)];
          return { ...sums, address, tenant, block, held, opening, kept: wallet.carry, unpaid, transfers };
        }),
      );
    }
    return found;
  }
}

/** As it is shown. */
export function reconciledWalletOf({ address, tenant, block, held, opening, sales, others, sent, open, transfers }: WalletOnChain, books: readonly WalletInBooks[]): ReconciledWallet {
  const { saleUnits: ledgerSaleUnits, otherUnits: ledgerOtherUnits } = inBooks(address, books);
  const shown = transfers.map(({ counterparty, amount, tx, blockNumber, payment }) => ({ counterparty, baseUnits: amount, tx, blockNumber, payment }));
  return { address, tenant, block, heldBaseUnits: held, openingBaseUnits: opening, salesBaseUnits: sales, otherBaseUnits: others, sentBaseUnits: sent, openBaseUnits: open, ledgerSaleUnits, ledgerOtherUnits, transfers: shown };
}
