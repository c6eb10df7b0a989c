import { Inject, Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { RequestOf, settlementCalls } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { PayerGate } from '../admission/payer-gate.service.js';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { MoneyMoves } from '../chain-events/money-moves.service.js';
import { ChangeRecords } from '../changes/change-records.service.js';
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
    private readonly gate: PayerGate,
    private readonly outbox: Outbox,
    private readonly moves: MoneyMoves,
    private readonly changes: ChangeRecords,
    private readonly ids: Ids,
  ) {}

  /**
   * Names the address whose deposit pays for a tenant, and where the tenant is established (what was named before, when left out); deposits that it made
   * before are told to the books now. Errors: SANCTIONED, TOKEN_NOT_ALLOWED, SCREENING_UNAVAILABLE, CHAIN_UNAVAILABLE; CONFLICT
   * when the address pays for another tenant or is the operator's own, or the tenant has deposited or paid from another address (its balance and cumulative totals are there).
   */
  async put(actor: RequestOf<typeof settlementCalls.putPayer>['actor'], tenant: string, text: string, place?: string): Promise<Payer> {
    const address = getAddress(text.toLowerCase());
    if (address === this.config.SETTLEMENT_ANCHOR_PAYER) throw failure('CONFLICT', `${address} is the operator's own: it anchors the log and pays for nobody`);
    const jurisdiction = place ?? (await withTenant(this.dataSource, tenant, (manager) => this.store.ofTenant(manager, tenant)))?.jurisdiction ?? null;
    await this.gate.require({ address, jurisdiction });
    await withTenant(this.dataSource, '*', async (manager) => {
      const before = await this.store.ofTenant(manager, tenant);
      if (before && before.address !== address && ((await this.statements.exists(manager, tenant)) || (await this.events.exists(manager, tenant)))) {
        throw failure('CONFLICT', `the tenant has deposits or statements under payer ${before.address}; it cannot move to another`);
      }
      if (!(await this.store.put(manager, { tenant, address, jurisdiction }))) throw failure('CONFLICT', `${address} already pays for another tenant`);
      const fields = { actor, organisation: tenant, payer: address, jurisdiction, before: before?.address ?? null };
      if (before?.address !== address || before.jurisdiction !== jurisdiction) await this.changes.of(manager, tenant, 'payer.set', this.ids.uuid(), fields);
      for (const move of await this.events.claimDeposits(manager)) await this.moves.deposit(manager, move);
    });
    this.outbox.kick();
    return { tenant, address, jurisdiction };
  }
}
