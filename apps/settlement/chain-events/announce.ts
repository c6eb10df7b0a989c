import type { EntityManager } from 'typeorm';
import type { PlacedEvent } from '#chain';
import type { Outbox } from '#messaging';
import { settlementEvents } from '#protocol';
import type { StatementRow } from '../epochs/statement.store.js';
import type { DepositMove } from './chain-event.store.js';

type Settled = Extract<PlacedEvent, { name: 'EpochSettled' }>;
type Withdrawn = Extract<PlacedEvent, { name: 'Withdrawn' }>;

/** Tells the books of a final deposit, or that a payer took deposit back. */
export function announceDepositMove(outbox: Outbox, manager: EntityManager, { tenant, payer, units, to, at }: DepositMove): Promise<void> {
  if (to === null) return outbox.event(manager, settlementEvents.depositConfirmed, { tenant, payer, units, at });
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
