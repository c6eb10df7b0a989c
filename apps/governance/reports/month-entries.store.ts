import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { unpackBundle } from '#merkle';
import { parseEnvelope } from '#protocol';

/** How far entries stand from the order of their times: a record that waited for the bus to come back. */
const disorderMs = 3_600_000;

/** Finds where in the log a time is, without any help from the search, whose rows may be gone. */
@Injectable()
export class MonthEntries {
  /** Indices between which all entries of the time are; some before and after it as well; those that came later than `lateMs` are not. */
  async span(manager: EntityManager, size: number, fromMs: number, untilMs: number, lateMs = disorderMs): Promise<{ after: number; until: number }> {
    const first = await this.firstAt(manager, size, fromMs - disorderMs);
    return { after: first - 1, until: await this.firstAt(manager, size, untilMs + lateMs) };
  }

  /** Halves the log until it is found: some 24 reads of one piece for ten million entries. */
  private async firstAt(manager: EntityManager, size: number, atMs: number): Promise<number> {
    let [low, high] = [0, size];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await this.timeOf(manager, middle)) < atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private async timeOf(manager: EntityManager, index: number): Promise<number> {
    const [piece] = await manager.query<{ first: string; entries: Buffer }[]>('SELECT first, entries FROM governance.log_bundles WHERE first <= $1 ORDER BY first DESC LIMIT 1', [index]);
    return Date.parse(parseEnvelope(unpackBundle(piece!.entries)[index - Number(piece!.first)]!).time);
  }
}
