import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PayerState } from '#chain';
import { failure } from '#protocol';
import { withTenant } from '#service';
import { EmptyStatements } from '../anchors/empty-statements.service.js';
import { ChainLink } from '../chain/chain-link.js';
import { Relayer } from '../transactions/relayer.service.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { StatementStore } from './statement.store.js';
import type { StatementRow, VoidCause } from './statement.store.js';

/**
 * Ends a statement that was signed, that nothing carries to the chain any more, and that may not land. Whoever was given it could still put it there: so the payer's next
 * epoch is taken by a statement that credits nobody. The escrow takes each epoch once and none below, so that from then on no form of the old one can land; only when that is final is
 * what it drew owed again.
 */
@Injectable()
export class Voids {
  private readonly logger = new Logger(Voids.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly empties: EmptyStatements,
    private readonly statements: StatementStore,
    private readonly transactions: TransactionStore,
    private readonly relayer: Relayer,
  ) {}

  /**
   * Does nothing while one is under way. Errors: CONFLICT (no key, it has landed, or another process signed meanwhile), LEDGER_UNBALANCED when the escrow's final total is
   * not the one from before the draw, DELEGATE_UNUSABLE, DELEGATE_LIMITED (too soon after the delegate's last), CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE.
   */
  async begin(row: StatementRow, cause: VoidCause): Promise<void> {
    if (row.isVoidUnderWay) return;
    const lastEpoch = await withTenant(this.dataSource, '*', (manager) => this.statements.lastEpoch(manager, row.payer));
    const { statement, data } = await this.empties.sign(row.payer, lastEpoch, (payer) => requireTotalBefore(row, payer));
    const call = { purpose: 'settle', subject: row.id, target: this.chain.escrow.address, data } as const;
    await withTenant(this.dataSource, row.tenant, async (manager) => {
      const transaction = await this.transactions.plan(manager, this.chain, call);
      if (transaction === null || !(await this.statements.beginVoid(manager, row, statement.epoch, transaction, cause))) throw failure('CONFLICT', `statement ${row.id} was signed or voided by another process`);
    });
    this.logger.warn(`statement ${row.id} is voided: epoch ${statement.epoch} of payer ${row.payer} will credit nobody`);
    this.relayer.kick();
  }
}

/**
 * An empty statement of another total would do harm: when the old one has landed there is nothing to void, and where the chain took back an earlier one that was final, the epoch of that one would
 * be taken too, so that it could never be put there again.
 */
function requireTotalBefore({ id, totalUnits, cumulativeTotalUnits }: StatementRow, { cumulativeTotal }: PayerState): void {
  const before = cumulativeTotalUnits - totalUnits;
  if (cumulativeTotal === before) return;
  if (cumulativeTotal === cumulativeTotalUnits) throw failure('CONFLICT', `statement ${id} is not voided: it has landed`, { statement: id });
  throw failure('LEDGER_UNBALANCED', `statement ${id} is not voided: the escrow has credited ${cumulativeTotal} units for its payer, and the books ${before} before it`, { escrow: cumulativeTotal.toString(), books: before.toString() });
}
