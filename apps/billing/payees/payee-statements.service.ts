import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { failure } from '#protocol';
import type { PayeeStatement } from '#protocol';
import { PayeeStatementsStore } from './payee-statements.store.js';
import type { Asked } from './payee-statements.store.js';

/** 1,000 lines of at most 700 bytes: below the bus's mebibyte. */
const linesMax = 1_000;

@Injectable()
export class PayeeStatements {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(PayeeStatementsStore) private readonly store: PayeeStatementsStore,
  ) {}

  /** One snapshot of a payee's account. Errors: NOT_FOUND, REQUEST_INVALID. */
  async of(request: Asked): Promise<PayeeStatement> {
    const asked = { ...request, payee: request.payee.toLowerCase() };
    if (asked.toMs <= asked.fromMs) throw failure('REQUEST_INVALID', 'the period ends before it begins', { param: 'end_time' });
    return this.dataSource.transaction('REPEATABLE READ', async (manager) => {
      await manager.query(`SELECT set_config('app.tenant', $1, true)`, [asked.tenant ?? '*']);
      if (!(await this.store.isPayee(manager, asked))) throw failure('NOT_FOUND', 'nobody with this address has earned anything', { payee: asked.payee });
      const openingNanos = await this.store.openingNanos(manager, asked);
      const earned = await this.store.earned(manager, asked, linesMax + 1);
      const shared = await this.store.shared(manager, asked, linesMax + 1);
      const drawn = await this.store.drawn(manager, asked, linesMax + 1);
      if (earned.length + shared.length + drawn.length > linesMax) throw failure('REQUEST_INVALID', `more than ${linesMax} lines: ask for a shorter period, or for one organisation`, { param: 'end_time' });
      const { forfeitedNanos, heldNanos } = await this.store.held(manager, asked);
      const earnedNanos = sum(earned);
      const [sharedNanos, drawnNanos] = [sum(shared), sum(drawn)];
      return { ...asked, openingNanos, earned, earnedNanos, shared, sharedNanos, drawn, drawnNanos, forfeitedNanos, closingNanos: openingNanos + earnedNanos + sharedNanos - forfeitedNanos - drawnNanos, heldNanos };
    });
  }
}

const sum = (lines: readonly { amountNanos: bigint }[]): bigint => lines.reduce((total, { amountNanos }) => total + amountNanos, 0n);
