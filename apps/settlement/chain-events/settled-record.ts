import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { conversionRate } from '#protocol';
import type { LogRecord } from '#protocol';
import type { OperatorAnchor } from '../anchors/anchor.js';
import { ChainLink } from '../chain/chain-link.js';
import type { StatementRow } from '../epochs/statement.store.js';
import { LogRecords } from '../records/log-records.service.js';

/** Makes the log record of a final statement, sealed for its tenant. */
@Injectable()
export class SettledRecord {
  constructor(
    private readonly records: LogRecords,
    private readonly chain: ChainLink,
  ) {}

  /** A tenant that governance does not publish (any more) gets an open record: everything in it is public on chain. */
  of(row: StatementRow, at: { tx: string; blockNumber: number }): Promise<LogRecord> {
    return this.records.of(row.tenant, this.draftOf(row, at));
  }

  /** Of an anchor that pays nobody: nobody's but the operator's. */
  ofAnchor(anchor: OperatorAnchor, at: { tx: string; blockNumber: number }): Promise<LogRecord> {
    return this.records.of(null, this.draftOf({ ...anchor, totalUnits: 0n, payees: [], rate: null }, at));
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
    return { id: row.id, type: 'epoch.settled' as const, fields };
  }
}
