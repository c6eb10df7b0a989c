import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EventPosition, PlacedEvent } from '#chain';
import { Ids } from '#kernel';
import { Outbox } from '#messaging';
import { settlementEvents } from '#protocol';
import { ChainLink } from '../chain/chain-link.js';
import { LogRecords } from '../records/log-records.service.js';
import type { DepositMove } from './chain-event.store.js';

type Withdrawn = Extract<PlacedEvent, { name: 'Withdrawn' }>;

/** Tells books and log what final events moved in or out of the escrow, in the transaction that puts each event down, which is done once. */
@Injectable()
export class MoneyMoves {
  constructor(
    private readonly outbox: Outbox,
    private readonly records: LogRecords,
    private readonly chain: ChainLink,
    private readonly ids: Ids,
  ) {}

  /** A deposit, or that a payer took deposit back. */
  async deposit(manager: EntityManager, { tenant, payer, units, to, at, reversals }: DepositMove): Promise<void> {
    if (to === null) await this.outbox.event(manager, settlementEvents.depositConfirmed, { tenant, payer, units, at, ...(reversals > 0 && { reversals }) });
    else await this.outbox.event(manager, settlementEvents.depositWithdrawn, { tenant, payer, to, units, at });
    const fields = { payer, units: units.toString(), to, ...this.placed(at) };
    await this.outbox.record(manager, await this.records.of(tenant, { id: this.ids.uuid(), type: 'deposit.moved', fields }));
  }

  /** A deposit that the books were told of is in no block any more. */
  async reversal(manager: EntityManager, { tenant, payer, units, at, reversals }: DepositMove): Promise<void> {
    await this.outbox.event(manager, settlementEvents.depositReversed, { tenant, payer, units, at, ...(reversals > 0 && { reversals }) });
    const fields = { payer, units: units.toString(), ...this.placed(at) };
    await this.outbox.record(manager, await this.records.of(tenant, { id: this.ids.uuid(), type: 'deposit.reversed', fields }));
  }

  /** A payee took out what it had been paid. */
  async payout(manager: EntityManager, payee: string, { payer, to, units, at }: Withdrawn): Promise<void> {
    await this.outbox.event(manager, settlementEvents.withdrawalConfirmed, { payee, to, payer, units, at });
    const fields = { payee, to, payer, units: units.toString(), ...this.placed(at) };
    await this.outbox.record(manager, await this.records.of(null, { id: this.ids.uuid(), type: 'payout.withdrawn', fields }));
  }

  private placed({ tx, blockNumber, logIndex }: EventPosition): { tx: string; blockNumber: number; logIndex: number; chainId: number; escrow: string } {
    return { tx, blockNumber, logIndex, chainId: Number(this.chain.chainId), escrow: this.chain.escrow.address };
  }
}
