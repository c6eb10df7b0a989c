import { Injectable, Logger } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Ids } from '#kernel';
import type { DomainError } from '#kernel';
import { failure } from '#protocol';
import { ChainLink } from '../chain/chain-link.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import type { Draw } from './statement.js';

/** A deposit against what is due of it, in units. */
export interface Cover {
  readonly payer: string;
  readonly availableUnits: bigint;
  readonly dueUnits: bigint;
}

/** Why nothing was drawn though something is due: the deposit holds not one unit; null when it does, or nothing is. Gives a DEPOSIT_INSUFFICIENT. */
export function emptyDeposit({ payer, availableUnits, dueUnits }: Cover): DomainError | null {
  if (availableUnits > 0n || dueUnits === 0n) return null;
  const details = { availableUnits: availableUnits.toString(), dueUnits: dueUnits.toString() };
  return failure('DEPOSIT_INSUFFICIENT', `the deposit of ${payer} holds nothing, and something is due: deposit more; it is paid within a minute after the deposit is final`, details);
}

/** How much of what is due a deposit covers: that much is paid, and the rest stays owed. */
@Injectable()
export class DepositCover {
  private readonly logger = new Logger(DepositCover.name);

  constructor(
    private readonly chain: ChainLink,
    private readonly changes: ChangeRecords,
    private readonly ids: Ids,
  ) {}

  /** The lesser of what the deposit holds at the final block and at the newest: what lands is judged by a block that comes after both. Error: CHAIN_UNAVAILABLE. */
  async availableUnits(payer: string): Promise<bigint> {
    const { settled, current } = await this.holds(payer);
    return settled < current ? settled : current;
  }

  /** Whether a deposit that is too small for what was signed could pay a part of it. Of an empty one nothing can be paid, and one that was raised covers it as soon as that is final. Error: CHAIN_UNAVAILABLE. */
  async coversPart({ payer, totalUnits }: Pick<Draw, 'payer' | 'totalUnits'>): Promise<boolean> {
    const { settled, current } = await this.holds(payer);
    return settled > 0n && current > 0n && current < totalUnits;
  }

  private async holds(payer: string): Promise<{ settled: bigint; current: bigint }> {
    const { escrow } = this.chain;
    const [final, newest] = await Promise.all([this.chain.finalized(), this.chain.latest()]);
    const [settled, current] = await Promise.all([escrow.payer(payer, final.number), escrow.payer(payer, newest.number)]);
    return { settled: settled.available, current: current.available };
  }

  /** Of a draw that pays less than is due, because the deposit holds no more: the log and the operator are told. In the transaction that keeps the draw. */
  async noteShort(manager: EntityManager, { id, tenant, payer, totalUnits }: Draw, { availableUnits, dueUnits }: Cover): Promise<void> {
    this.logger.warn(`statement ${id} pays ${totalUnits} of ${dueUnits} units that are due: the deposit of ${payer} holds no more; the rest stays owed until it deposits more`);
    const fields = { payer, statement: id, availableUnits: availableUnits.toString(), paidUnits: totalUnits.toString(), dueUnits: dueUnits.toString() };
    await this.changes.of(manager, tenant, 'deposit.short', this.ids.uuid(), fields);
  }
}
