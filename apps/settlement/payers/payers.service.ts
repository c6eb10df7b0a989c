import { Inject, Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { announceDepositMove } from '../chain-events/announce.js';
import type { SettlementConfig } from '../config.js';
import { StatementStore } from '../epochs/statement.store.js';
import { PayerStore } from './payer.store.js';
import type { Payer } from './payer.store.js';

@Injectable()
export class PayersService {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_ANCHOR_PAYER'>,
    private readonly dataSource: DataSource,
    private readonly store: PayerStore,
    private readonly statements: StatementStore,
    private readonly events: ChainEventStore,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Names the address whose deposit pays for a tenant; deposits that it made before are told to the books now. Errors: CONFLICT
   * when the address pays for another tenant or is the operator's own, or the tenant has deposited or paid from another address (its balance and cumulative totals are there).
   */
  async put(tenant: string, text: string): Promise<Payer> {
    const address = getAddress(text.toLowerCase());
    if (address === this.config.SETTLEMENT_ANCHOR_PAYER) throw failure('CONFLICT', `${address} is the operator's own: it anchors the log and pays for nobody`);
    await withTenant(this.dataSource, '*', async (manager) => {
      const before = await this.store.ofTenant(manager, tenant);
      if (before && before.address !== address && ((await this.statements.exists(manager, tenant)) || (await this.events.exists(manager, tenant)))) {
        throw failure('CONFLICT', `the tenant has deposits or statements under payer ${before.address}; it cannot move to another`);
      }
      if (!(await this.store.put(manager, { tenant, address }))) throw failure('CONFLICT', `${address} already pays for another tenant`);
      for (const move of await this.events.claimDeposits(manager)) await announceDepositMove(this.outbox, manager, move);
    });
    this.outbox.kick();
    return { tenant, address };
  }
}
