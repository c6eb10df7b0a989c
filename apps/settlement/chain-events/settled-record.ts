import { Injectable } from '@nestjs/common';
import { Clock } from '#kernel';
import { Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { z } from 'zod';
import { conversionRate, operatorRecord, Sealer, sealRecord, tenantReplica } from '#protocol';
import type { LogRecord, TenantEntry } from '#protocol';
import type { OperatorAnchor } from '../anchors/anchor.js';
import { ChainLink } from '../chain/chain-link.js';
import type { StatementRow } from '../epochs/statement.store.js';

/** Makes the log record of a final statement, sealed for its tenant. */
@Injectable()
export class SettledRecord {
  private view: Promise<ReplicaView<TenantEntry>> | undefined;

  constructor(
    private readonly replicas: Replicas,
    private readonly clock: Clock,
    private readonly chain: ChainLink,
  ) {}

  /** A tenant that governance does not publish (any more) gets an open record: everything in it is public on chain. */
  async of(row: StatementRow, at: { tx: string; blockNumber: number }): Promise<LogRecord> {
    const draft = this.draftOf(row, at);
    const tenant = (await (this.view ??= this.replicas.view(tenantReplica))).get(row.tenant);
    if (!tenant) return operatorRecord(draft);
    return sealRecord(draft, tenant, new Sealer(Buffer.from(tenant.sealKey, 'base64'), tenant.sealKeyId));
  }

  /** Of an anchor that pays nobody: nobody's but the operator's. */
  ofAnchor(anchor: OperatorAnchor, at: { tx: string; blockNumber: number }): LogRecord {
    return operatorRecord(this.draftOf({ ...anchor, totalUnits: 0n, payees: [], rate: null }, at));
  }

  private draftOf(row: Pick<StatementRow, 'id' | 'payer' | 'epoch' | 'totalUnits' | 'cumulativeTotalUnits' | 'payees' | 'auditRoot' | 'auditSize' | 'rate'>, at: { tx: string; blockNumber: number }) {
    const fields = {
      statement: row.id,
      payer: row.payer,
      epoch: row.epoch,
      totalUnits: row.totalUnits.toString(),
      cumulativeTotalUnits: row.cumulativeTotalUnits.toString(),
      payees: row.payees.map(({ payee, units }) => ({ payee, units: units.toString() })),
      auditRoot: row.auditRoot,
      auditSize: row.auditSize,
      tx: at.tx,
      blockNumber: at.blockNumber,
      chainId: Number(this.chain.chainId),
      escrow: this.chain.escrow.address,
      ...(row.rate === null ? {} : { rate: z.encode(conversionRate, row.rate) }),
    };
    return { id: row.id, type: 'epoch.settled' as const, timeMs: this.clock.nowMs(), fields, facts: null };
  }
}
