import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Ids } from '#kernel';
import { Outbox } from '#messaging';
import { walletEvents } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { LogRecords } from '../records/log-records.service.js';
import { isTransfer } from '../x402/payment-asset.js';
import { wholeUnits } from './wallet.js';
import type { Wallet, WalletTransfer } from './wallet.js';
import { WalletStore } from './wallet.store.js';
import { WalletTransferStore } from './wallet-transfer.store.js';

/** Transfers that are told in one transaction; the next look tells more. */
const toldMax = 500;
/** Final blocks since its own was found gone, in none of which a transfer is: what is sent again comes into one of the next few. */
const goneAfterBlocks = 64;

/** Tells books and log what is no sale, each once. Sales are told where their payments end; here they are given the transfers that paid them. */
@Injectable()
export class WalletTeller {
  private readonly logger = new Logger(WalletTeller.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly wallets: WalletStore,
    private readonly transfers: WalletTransferStore,
    private readonly records: LogRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
  ) {}

  /** In the transaction that holds the wallet's lock. What came before the first sale is nobody's until then. */
  async tell(manager: EntityManager, wallet: Wallet): Promise<void> {
    const { unit } = await this.chain.constants();
    let carry = wallet.carry;
    for (const transfer of await this.transfers.mistold(manager, wallet)) {
      carry -= transfer.amount - transfer.units! * unit;
      await this.transfers.untell(manager, transfer);
      await this.move(manager, wallet, transfer, { of: 'other', units: -transfer.units!, why: 'a sale' });
    }
    carry += await this.transfers.match(manager, wallet, unit);
    const tenant = await this.transfers.seller(manager, wallet);
    for (const transfer of tenant === null ? [] : await this.transfers.others(manager, wallet, toldMax)) {
      const whole = wholeUnits(transfer.amount, carry, unit);
      carry = whole.carry;
      const told = { tenant: tenant!, units: whole.units, payment: await this.transfers.broughtBy(manager, wallet, transfer) };
      await this.transfers.tell(manager, transfer, told);
      await this.move(manager, wallet, { ...transfer, ...told, toldBlock: transfer.blockNumber }, { of: 'other', units: told.units, why: transfer.amount > 0n ? 'received' : 'sent' });
    }
    if (carry !== wallet.carry) await this.wallets.setCarry(manager, wallet.id, carry);
  }

  /** Takes off the books what the chain took back for good. Error: CHAIN_UNAVAILABLE. */
  async tellLost(wallet: number): Promise<void> {
    const [lost, { nextBlock, address, token }] = await withTenant(this.dataSource, '*', async (manager) => [await this.transfers.lost(manager, wallet, goneAfterBlocks), await this.wallets.lock(manager, wallet)] as const);
    for (const transfer of lost) {
      const { tx, counterparty, amount } = transfer;
      if (await this.chain.isUnderWay(tx, nextBlock - 1)) continue;
      const receipt = await this.chain.receipt(tx);
      const [from, to] = amount > 0n ? [counterparty, address] : [address, counterparty];
      if (receipt?.logs.some((log) => isTransfer(log, { asset: token, from, to, amount: amount > 0n ? amount : -amount }))) {
        // It was kept back.
        await withTenant(this.dataSource, '*', (manager) => this.wallets.turnBack(manager, wallet, receipt.blockNumber));
        continue;
      }
      await withTenant(this.dataSource, '*', async (manager) => {
        const locked = await this.wallets.lock(manager, wallet);
        if (!(await this.transfers.reverse(manager, transfer)) || transfer.state === 'open') return;
        const { unit } = await this.chain.constants();
        await this.wallets.setCarry(manager, wallet, locked.carry - (transfer.amount - transfer.units! * unit));
        await this.move(manager, locked, transfer, { of: transfer.state, units: -transfer.units!, why: 'taken back' });
        this.logger.error(`a transfer of ${amount} base units between ${counterparty} and wallet ${locked.address} (${tx}) was in a final block and is in none of ${goneAfterBlocks} since: it is taken off the books`);
      });
    }
    this.outbox.kick();
  }

  private async move(manager: EntityManager, { address, token }: Wallet, transfer: WalletTransfer, { of, units, why }: { of: 'sale' | 'other'; units: bigint; why: string }): Promise<void> {
    const { counterparty, payment, tx, blockHash, logIndex, amount } = transfer;
    const [move, tenant, blockNumber] = [this.ids.uuid(), transfer.tenant!, transfer.toldBlock!];
    if (units !== 0n) await this.outbox.event(manager, walletEvents.moved, { move, tenant, wallet: address, counterparty, units, of, payment, at: { tx, blockHash, blockNumber, logIndex } });
    const fields = { wallet: address, counterparty, amount: amount.toString(), units: units.toString(), why, payment, tx, blockNumber: transfer.blockNumber, logIndex, chainId: Number(this.chain.chainId), token };
    await this.outbox.record(manager, await this.records.of(tenant, { id: move, type: 'wallet.moved', fields }));
  }
}
