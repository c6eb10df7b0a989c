import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { countBytesPerPageMax, decisionCount, decisionTypes, parseEnvelope, unpackRecords, type completenessCalls, type LoggedCount, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { EntryStore, type StoredEntry } from '../audit/entries.store.js';
import { DecisionCountStore } from '../runs/decision-counts.store.js';

type Request = RequestOf<(typeof completenessCalls)['counts']>;

/** Read at a time: each may be 88 KiB. */
const readMax = 16;

interface Decided {
  readonly id: string;
  readonly tenant: string | null;
}

/** What gateways committed to have decided, held against what the log has. Whose other decisions are is told nobody: of all of them the log itself has the pseudonyms. */
@Injectable()
export class LoggedCounts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly entries: EntryStore,
    private readonly counts: DecisionCountStore,
  ) {}

  /** In the order of the log, at least one if there is one, as many as `limit` and a page's bytes allow. Error: `DATABASE_UNAVAILABLE`. */
  async page({ tenant, after, limit }: Request): Promise<ReplyOf<(typeof completenessCalls)['counts']>> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const data: LoggedCount[] = [];
      let [at, bytes] = [after ?? -1, 0];
      for (;;) {
        const asked = Math.min(readMax, limit + 1 - data.length);
        const places = await this.counts.after(manager, at, asked);
        const read = new Map((await this.entries.ofRecords(manager, places.map(({ record }) => record))).map((entry) => [entry.index, entry]));
        for (const { index } of places) {
          const told = await this.told(manager, read.get(index)!, tenant);
          bytes += JSON.stringify(told).length;
          if (data.length === limit || (data.length > 0 && bytes > countBytesPerPageMax)) return { data, next: at };
          data.push(told);
          at = index;
        }
        if (places.length < asked) return { data, next: null };
      }
    });
  }

  private async told(manager: EntityManager, { index, id, type, envelope, fields }: StoredEntry, tenant: string | null): Promise<LoggedCount> {
    const common = { index, record: id, type: type as LoggedCount['type'], timeMs: Date.parse(parseEnvelope(envelope).time), envelope: envelope.toString('base64'), fields: fields as LoggedCount['fields'] };
    const count = type === 'decisions.counted' ? decisionCount.parse(fields) : undefined;
    const records = unpackRecords(count?.records ?? (fields!['records'] as string));
    const decided = await manager.query<Decided[]>('SELECT e.id, e.tenant FROM unnest($1::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT id, tenant, type FROM governance.log_entries WHERE id = asked.id OFFSET 0) e WHERE e.type = ANY($2::text[])', [records, decisionTypes]);
    const known = new Set(decided.map((entry) => entry.id));
    const unconfirmed = new Set(count?.unconfirmed);
    const missing = count ? records.map((record, at) => ({ number: count.from + at, record })).filter(({ number, record }) => !known.has(record) && !unconfirmed.has(number)) : [];
    return { ...common, missing, own: tenant === null ? 0 : decided.filter((entry) => entry.tenant === tenant).length };
  }
}
