import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Reservation } from '#protocol';

interface Row {
  id: string;
  note: string;
  currency: Reservation['currency'];
  legs: { debit: string; credit: string; amountNanos: string }[];
  hash: string;
  expires_at_ms: string;
  reserved_by: string;
  reserved_at_ms: string;
  state: Reservation['state'];
  posted: string[] | null;
  ended_by: string | null;
  ended_at_ms: string | null;
}

export interface FoundReservation extends Reservation {
  /** SHA-256 of what was asked. */
  readonly hash: string;
}

const columns = 'id, note, currency, legs, hash, expires_at_ms, reserved_by, reserved_at_ms, state, posted, ended_by, ended_at_ms';

const fromRow = (row: Row): FoundReservation => ({
  ...{ id: row.id, note: row.note, currency: row.currency, hash: row.hash, state: row.state, reservedBy: row.reserved_by, endedBy: row.ended_by },
  legs: row.legs.map(({ amountNanos, ...leg }) => ({ ...leg, amountNanos: BigInt(amountNanos) })),
  postedNanos: row.posted?.map((nanos) => BigInt(nanos)) ?? null,
  ...{ expiresAtMs: Number(row.expires_at_ms), reservedAtMs: Number(row.reserved_at_ms), endedAtMs: row.ended_at_ms === null ? null : Number(row.ended_at_ms) },
});

@Injectable()
export class ReservationsStore {
  /** `false` when the id is known. */
  async insert(manager: EntityManager, { id, note, currency, legs, hash, expiresAtMs, reservedBy, reservedAtMs }: FoundReservation): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO billing.reservations (id, note, currency, legs, hash, expires_at_ms, reserved_by, reserved_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING RETURNING id',
      [id, note, currency, JSON.stringify(legs.map(({ amountNanos, ...leg }) => ({ ...leg, amountNanos: amountNanos.toString() }))), hash, expiresAtMs, reservedBy, reservedAtMs],
    );
    return rows.length > 0;
  }

  /** Locked until the transaction ends. */
  async lock(manager: EntityManager, id: string): Promise<FoundReservation | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.reservations WHERE id = $1 FOR NO KEY UPDATE`, [id]);
    return row && fromRow(row);
  }

  async end(manager: EntityManager, id: string, state: 'posted' | 'voided' | 'expired', postedNanos: readonly bigint[] | null, by: string | null, atMs: number): Promise<void> {
    await manager.query('UPDATE billing.reservations SET state = $2, posted = $3, ended_by = $4, ended_at_ms = $5 WHERE id = $1', [id, state, postedNanos === null ? null : JSON.stringify(postedNanos.map(String)), by, atMs]);
  }

  /** Whose time is over; those that others look at now are left out. */
  async overdue(manager: EntityManager, nowMs: number, limit: number): Promise<FoundReservation[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.reservations WHERE state = 'pending' AND expires_at_ms <= $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`, [nowMs, limit])).map(fromRow);
  }

  async list(manager: EntityManager, state: Reservation['state'] | 'all', after: string | undefined, limit: number): Promise<FoundReservation[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.reservations WHERE ($1 = 'all' OR state = $1) AND ($2::text IS NULL OR id::text COLLATE "C" > $2) ORDER BY id LIMIT $3`, [state, after ?? null, limit])).map(fromRow);
  }
}
