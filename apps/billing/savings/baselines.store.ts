import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { canonicalJson } from '#kernel';
import { baselineTable } from '#protocol';
import type { BaselineTable } from '#protocol';
import { builtInMeterPrices, builtInPrices } from './built-in-prices.js';

export interface KnownTable {
  readonly table: BaselineTable;
  readonly from: 'built-in' | 'operator';
  readonly hash: string;
}

/** The table that reports are made with. */
@Injectable()
export class BaselinesStore {
  async current(manager: EntityManager): Promise<KnownTable> {
    const [row] = await manager.query<{ content: string; hash: string }[]>('SELECT content, hash FROM billing.baseline_tables ORDER BY number DESC LIMIT 1');
    if (row) return { table: baselineTable.parse(JSON.parse(row.content)), from: 'operator', hash: row.hash };
    const table: BaselineTable = { prices: [...builtInPrices], meterPrices: [...builtInMeterPrices], models: [], coin: null };
    return { table, from: 'built-in', hash: hashOf(textOf(table)) };
  }

  async put(manager: EntityManager, table: BaselineTable, actor: unknown, nowMs: number): Promise<void> {
    const content = textOf(table);
    await manager.query('INSERT INTO billing.baseline_tables (hash, content, actor, put_at_ms) VALUES ($1, $2, $3, $4)', [hashOf(content), content, JSON.stringify(actor), nowMs]);
  }
}

const textOf = (table: BaselineTable): string => canonicalJson(baselineTable.encode(table));
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
