import { failure } from '#protocol';
import type { ChainPayer, CompletedFacts, RecordEnd, TokenDifference } from '#protocol';
import { Outside } from './closes/outside.js';

/** The log and the chain as a test says they are. */
export class ManualOutside extends Outside {
  readonly ends: RecordEnd[] = [];
  payers: ChainPayer[] = [];
  unreconciled: TokenDifference[] = [];
  gasWei = 0n;
  chainDown = false;
  /** Called at each look into the log. */
  onLook: (() => Promise<void>) | undefined;

  /** The log takes in the ends of requests. */
  log(...facts: CompletedFacts[]): void {
    for (const { record, tenant, chargeNanos } of facts) this.ends.push({ index: this.ends.length, record, type: 'completed', tenant, chargeNanos, unreadable: false });
  }

  /** Two at a time, so that pages are read. */
  async recordEnds(from: number): Promise<{ ends: RecordEnd[]; next: number; size: number }> {
    const ends = this.ends.slice(from, from + 2);
    const answer = { ends, next: from + ends.length, size: this.ends.length };
    await this.onLook?.();
    return answer;
  }

  endedRecords(records: string[]): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set(records.filter((record) => this.ends.some((end) => end.record === record))));
  }

  gas(): Promise<{ wei: bigint; transactions: number }> {
    return Promise.resolve({ wei: this.gasWei, transactions: this.gasWei > 0n ? 1 : 0 });
  }

  tokenDifferences(): Promise<readonly TokenDifference[]> {
    return Promise.resolve(this.unreconciled);
  }

  chain(): Promise<{ block: number; payers: ChainPayer[] }> {
    return this.chainDown ? Promise.reject(failure('CHAIN_UNAVAILABLE', 'the chain does not answer')) : Promise.resolve({ block: 7, payers: this.payers });
  }
}
