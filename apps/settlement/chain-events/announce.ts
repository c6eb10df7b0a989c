import type { EntityManager } from 'typeorm';
import type { PlacedEvent } from '#chain';
import type { Outbox } from '#messaging';
import { settlementEvents } from '#protocol';
import type { StatementRow } from '../epochs/statement.store.js';

type Settled = Extract<PlacedEvent, { name: 'EpochSettled' }>;

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
