import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PlacedEvent } from '#chain';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { payerAdmissionEvents } from '#protocol';
import { withTenant } from '#service';
import { PayerGate } from '../admission/payer-gate.service.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import { PayerStore } from '../payers/payer.store.js';
import type { Payer } from '../payers/payer.store.js';
import { ChainEventStore } from './chain-event.store.js';
import { MoneyMoves } from './money-moves.service.js';

/** How often payers whose deposits are held are looked at again. */
const heldMs = 5_000;

export type DepositEvent = Extract<PlacedEvent, { name: 'Deposited' | 'DepositWithdrawn' }>;

/** Tells the books of final movements of deposits, and of none of a payer that is refused: those are put down, and told of when it is no longer. */
@Injectable()
export class DepositMoves {
  private readonly logger = new Logger(DepositMoves.name);
  private lookAgainAtMs = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly gate: PayerGate,
    private readonly events: ChainEventStore,
    private readonly payers: PayerStore,
    private readonly moves: MoneyMoves,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** In the transaction that reads the event. What stands behind something that is held is held with it: the books hear of movements in their order. */
  async take(manager: EntityManager, event: DepositEvent, payer: Payer | null): Promise<void> {
    const behind = (await this.events.isHeld(manager, event.payer)) ? 'behind what is held already' : null;
    const held = event.name === 'Deposited' ? ((await this.gate.refusal(event.payer, payer)) ?? behind) : behind;
    const tenant = payer?.tenant ?? null;
    if (!(await this.events.insert(manager, event, held === null ? tenant : null, held))) return;
    if (held !== null) return this.note(manager, event, tenant, held);
    if (tenant !== null) await this.moves.deposit(manager, { ...event, tenant, to: event.name === 'Deposited' ? null : event.to, reversals: 0 });
  }

  /** In the transaction that reads it: a deposit that was taken off the books counts again, unless its payer is refused by now. */
  async takeAnew(manager: EntityManager, event: DepositEvent, payer: Payer | null): Promise<void> {
    const held = (await this.gate.refusal(event.payer, payer)) ?? ((await this.events.isHeld(manager, event.payer)) ? 'behind what is held already' : null);
    if (held === null) return;
    await this.events.hold(manager, event.at, held);
    await this.note(manager, event, payer?.tenant ?? null, held);
  }

  /** Who was refused may be taken by now: its place was named, it was struck off a list, or screened at last. */
  async releaseHeld(): Promise<void> {
    if (this.clock.monotonicMs() < this.lookAgainAtMs) return;
    this.lookAgainAtMs = this.clock.monotonicMs() + heldMs;
    for (const address of await withTenant(this.dataSource, '*', (manager) => this.events.heldPayers(manager))) {
      const payer = await withTenant(this.dataSource, '*', (manager) => this.payers.ofAddress(manager, address));
      if ((await this.gate.refusal(address, payer)) === null) await withTenant(this.dataSource, '*', (manager) => this.events.releaseHeld(manager, address));
    }
  }

  private async note(manager: EntityManager, { name, payer, units, at }: DepositEvent, tenant: string | null, reason: string): Promise<void> {
    this.logger.warn(`${name} of ${units} units by ${payer} (${at.tx}) does not count: ${reason}`);
    if (name !== 'Deposited') return;
    const [id, fields] = [this.ids.uuid(), { payer, units: units.toString(), reason, tx: at.tx, blockNumber: at.blockNumber }];
    await (tenant === null ? this.changes.ofDeployment(manager, 'deposit.held', id, fields) : this.changes.of(manager, tenant, 'deposit.held', id, fields));
    await this.outbox.event(manager, payerAdmissionEvents.depositHeld, { payer, units, reason, at });
  }
}
