import { Controller } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { failure, settlementCalls, uuid } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { SettleService } from './settle.service.js';
import { fileOf } from './statement-file.js';
import { StatementStore } from './statement.store.js';
import type { StatementRow } from './statement.store.js';

type StatementReply = ReplyOf<typeof settlementCalls.getStatement>;

/** A statement that is not signed yet has no epoch and no audit head to show. */
function toWire(row: StatementRow): StatementReply {
  const { id, tenant, payer, epoch, state, totalUnits, auditRoot, auditSize, tx, createdAtMs, rate } = row;
  if (state === 'taken-back') throw failure('NOT_FOUND', `statement ${id} was taken back: what it drew is owed again`);
  if (epoch === null || auditRoot === null || auditSize === null) throw failure('NOT_FOUND', `statement ${id} is not signed yet`);
  return { id, tenant, payer, epoch, state, totalUnits, auditRoot: auditRoot.slice(2), auditSize, tx, createdAtMs, rate };
}

@Controller()
export class StatementsRpc {
  constructor(
    private readonly dataSource: DataSource,
    private readonly settle: SettleService,
    private readonly statements: StatementStore,
    private readonly chain: ChainLink,
  ) {}

  @Serve(settlementCalls.runEpoch)
  async run({ tenant }: RequestOf<typeof settlementCalls.runEpoch>): Promise<StatementReply> {
    return toWire(await this.settle.run(tenant));
  }

  @Serve(settlementCalls.getStatement)
  async get({ tenant, id }: RequestOf<typeof settlementCalls.getStatement>): Promise<StatementReply> {
    const row = await withTenant(this.dataSource, tenant, (manager) => this.statements.get(manager, id));
    if (!row) throw failure('NOT_FOUND', `there is no statement ${id}`);
    return toWire(row);
  }

  @Serve(settlementCalls.statementFile)
  async file({ tenant, id }: RequestOf<typeof settlementCalls.statementFile>): Promise<ReplyOf<typeof settlementCalls.statementFile>> {
    const signed = await withTenant(this.dataSource, tenant, (manager) => this.statements.signedForm(manager, id));
    if (!signed) throw failure('NOT_FOUND', `there is no signed statement ${id}`);
    return fileOf(signed, { chainId: this.chain.chainId, escrow: this.chain.escrow.address });
  }

  @Serve(settlementCalls.listStatements)
  async list({ tenant, after, limit }: RequestOf<typeof settlementCalls.listStatements>): Promise<ReplyOf<typeof settlementCalls.listStatements>> {
    if (after !== undefined && !uuid.safeParse(after).success) throw failure('REQUEST_INVALID', '"after" is the id of a statement');
    const { data, hasMore } = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.statements.page(manager, { tenant, after, limit }));
    return { data: data.map(toWire), hasMore };
  }
}
