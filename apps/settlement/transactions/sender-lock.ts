import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Sender } from './transaction.store.js';

/**
 * One owner of a sender's nonces at a time, over all processes: an advisory lock that dies with its connection. The unique
 * nonce in the outbox is the guarantee; this saves the loser the work.
 */
@Injectable()
export class SenderLock {
  constructor(private readonly dataSource: DataSource) {}

  /** Runs the work if nobody else is at it. */
  async ifFree({ chainId, sender }: Sender, work: () => Promise<void>): Promise<void> {
    const runner = this.dataSource.createQueryRunner();
    const name = `settlement ${chainId} ${sender}`;
    try {
      const rows = (await runner.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [name])) as { locked: boolean }[];
      if (!rows[0]!.locked) return;
      try {
        await work();
      } finally {
        await runner.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
      }
    } finally {
      await runner.release();
    }
  }
}
