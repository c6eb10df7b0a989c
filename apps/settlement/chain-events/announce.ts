import type { EntityManager } from 'typeorm';
import type { PlacedEvent } from '#chain';
import type { Outbox } from '#messaging';
import { settlementEvents } from '#protocol';
import type { StatementRow } from '../epochs/statement.store.js';
import type { Deposit } from './chain-event.store.js';

type Settled = Extract<PlacedEvent, { name: 'EpochSettled' }>;
type DepositWithdrawn = Extract<PlacedEvent, { name: 'DepositWithdrawn' }>;
type Withdrawn = Extract<PlacedEvent, { name: 'Withdrawn' }>;

/** Tells the books of a final deposit. */
export function announceDeposit(outbox: Outbox, manager: EntityManager, tenant: string, { payer, units, at }: Deposit): Promise<void> {
  return outbox.event(manager, settlementEvents.depositConfirmed, { tenant, payer, units, at });
}

/** Tells the books that a payer took deposit back. */
export function announceDepositWithdrawn(outbox: Outbox, manager: EntityManager, tenant: string, { payer, to, units, at }: DepositWithdrawn): Promise<void> {
  return outbox.event(manager, settlementEvents.depositWithdrawn, { tenant, payer, to, units, at });
}

/** Tells the books that a statement of theirs is final. */
export function announceSettled(outbox: Outbox, manager: EntityManager, row: StatementRow, event: Settled): Promise<void> {
  return outbox.event(manager, settlementEvents.epochSettled, {
    statement: row.id,
    tenant: row.tenant,
    payer: row.payer,
    epoch: Number(event.epoch),
    payees: row.payees.map(({ payee, units, cumulativeUnits }) => ({ payee, units, cumulativeUnits })),
    totalUnits: row.totalUnits,
    auditRoot: event.auditRoot.slice(2),
    auditSize: Number(event.auditSize),
    at: event.at,
  });
}

/** Tells the books that a payee took credit out of the escrow. */
export function announceWithdrawn(outbox: Outbox, manager: EntityManager, payee: string, { payer, to, units, at }: Withdrawn): Promise<void> {
  return outbox.event(manager, settlementEvents.withdrawalConfirmed, { payee, to, payer, units, at });
}
