import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Outbox } from '#messaging';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink, inBatches } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { ChainEventStore } from './chain-event.store.js';
import type { EventKey, GoneDeposit } from './chain-event.store.js';
import { MoneyMoves } from './money-moves.service.js';

/** Final blocks since its own was found gone, in none of which a deposit is: what is sent again comes into one of the next few. */
const goneAfterBlocks = 64;
/** Deposits of one look; the next look is at those after them. */
const depositsAtOnce = 50;

/**
 * Takes deposits off the books that the chain took back for good: in no final block, and not on their way into one. Until then their payer pays nothing ({@link Finality}). One that comes
 * after all is a deposit anew.
 */
@Injectable()
export class DepositReversals {
  private readonly logger = new Logger(DepositReversals.name);
  /** The last one that was looked at; null: from the first on. */
  private after: EventKey | null = null;

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_START_BLOCK'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly events: ChainEventStore,
    private readonly moves: MoneyMoves,
    private readonly outbox: Outbox,
  ) {}

  async round(): Promise<void> {
    const page = { after: this.after, limit: depositsAtOnce };
    const candidates = await withTenant(this.dataSource, '*', (manager) => this.events.goneDeposits(manager, this.cursor, goneAfterBlocks, page));
    this.after = candidates.length === depositsAtOnce ? candidates.at(-1)! : null;
    for (const some of inBatches(candidates)) {
      // Endpoints that do not answer, or disagree, say nothing: it is asked again.
      const found = await Promise.all(some.map((candidate) => this.find(candidate).catch(() => 'under way' as const)));
      for (const [place, where] of found.entries()) await this.follow(some[place]!, where);
    }
  }

  private get cursor(): { chainId: bigint; escrow: string } {
    return { chainId: this.chain.chainId, escrow: this.chain.escrow.address };
  }

  private async follow(candidate: GoneDeposit, where: number | 'under way' | 'nowhere'): Promise<void> {
    if (where === 'under way') return;
    if (where === 'nowhere') return this.reverse(candidate);
    this.logger.warn(`the deposit of ${candidate.units} units by ${candidate.payer} (${candidate.tx}) is in block ${where}, where its event was kept back: the chain is read again from there`);
    await withTenant(this.dataSource, '*', (manager) => this.events.turnBack(manager, this.cursor, where));
  }

  /** The block in which a deposit stands by its receipt, though no event of it was heard; `nowhere`: its transaction failed, or is in no block and waits nowhere. */
  private async find({ tx, payer, units, readTo }: GoneDeposit): Promise<number | 'under way' | 'nowhere'> {
    if (await this.chain.isUnderWay(tx, readTo)) return 'under way';
    const receipt = await this.chain.receipt(tx);
    if (receipt?.status !== 1) return 'nowhere';
    const isThere = this.chain.escrow.eventsOf([...receipt.logs]).some((event) => event.name === 'Deposited' && event.payer === payer && event.units === units);
    return isThere ? receipt.blockNumber : 'nowhere';
  }

  private async reverse(candidate: GoneDeposit): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => {
      // Nobody reads the chain meanwhile: a deposit that has come back is no candidate any more.
      await this.events.lockCursor(manager, this.cursor, this.config.SETTLEMENT_START_BLOCK);
      const reversed = await this.events.reverse(manager, this.cursor, candidate, goneAfterBlocks);
      if (reversed === undefined) return;
      await this.moves.reversal(manager, reversed);
      this.logger.error(`the deposit of ${reversed.units} units by ${reversed.payer} (${candidate.tx}) was in a final block and is in none of ${goneAfterBlocks} since: it is taken off the books`);
    });
    this.outbox.kick();
  }
}
