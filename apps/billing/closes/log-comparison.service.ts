import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CloseDifference, RecordEnd } from '#protocol';
import { ClosesStore } from './closes.store.js';
import type { StoredClose } from './closes.store.js';
import { compareEnd } from './compare.js';
import { Outside } from './outside.js';
import { Patience } from './patience.js';

/** Charges looked for in the log at a time, only when there are too many. */
const recordsPerAsk = 1_000;

export interface LogComparison {
  readonly differences: CloseDifference[];
  /** Where the period ends in the log. */
  readonly logSize: number;
  /** Ends below it that the snapshot has no charge for. */
  readonly late: RecordEnd[];
  /** Ends that ever were found to have their charge. */
  readonly matched: number;
}

/**
 * Charges and ended records, one to one. Only the log's new part is read: each end must have its charge, and when there are as many
 * charges as ends in all, there is no charge without one either. The log may be behind the books for a moment: it is waited for.
 */
@Injectable()
export class LogComparer {
  constructor(
    @Inject(Outside) private readonly outside: Outside,
    @Inject(ClosesStore) private readonly closes: ClosesStore,
    @Inject(Patience) private readonly patience: Patience,
  ) {}

  /** `manager`: the snapshot, in which there are `charges`. */
  async compare(manager: EntityManager, last: StoredClose | undefined, charges: number): Promise<LogComparison> {
    const differences: CloseDifference[] = [];
    const late: RecordEnd[] = [];
    let matched = last?.matched ?? 0;
    const take = async (ends: readonly RecordEnd[]): Promise<void> => {
      const found = await this.closes.charges(manager, ends.map(({ record }) => record));
      for (const end of ends) {
        const charge = found.get(end.record);
        if (!charge) late.push(end);
        else {
          matched += 1;
          differences.push(...compareEnd(end, charge));
        }
      }
    };
    if (last) await take(await this.closes.carried(manager, last.number));
    let from = last?.logSize ?? 0;
    await this.patience.until(async () => {
      for (;;) {
        const { ends, next, size } = await this.outside.recordEnds(from);
        await take(ends);
        from = next;
        if (next >= size) return matched >= charges;
      }
    });
    if (matched < charges) differences.push(...(await this.withoutRecord(manager)));
    if (matched > charges) differences.push({ kind: 'charges_missing', subject: 'charges', detail: `${matched} ended records had a charge and there are ${charges} charges` });
    return { differences, logSize: from, late, matched };
  }

  private async withoutRecord(manager: EntityManager): Promise<CloseDifference[]> {
    const found: CloseDifference[] = [];
    for (let after: string | null = null; ; ) {
      const records = await this.closes.recordsAfter(manager, after, recordsPerAsk);
      const ended = records.length > 0 ? await this.outside.endedRecords(records) : new Set<string>();
      found.push(...records.filter((record) => !ended.has(record)).map((record): CloseDifference => ({ kind: 'charge_without_record', subject: record, detail: 'charged, and no end of it is in the log' })));
      if (records.length < recordsPerAsk) return found;
      after = records.at(-1)!;
    }
  }
}
