import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { closedRun, decisionCount, decisionNumber, isDecision, isPaidDecision, nanos, parseEnvelope, unpackRecords, type completenessCalls, type DecisionNumber, type LoggedDecision, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { EntryStore } from '../audit/entries.store.js';
import { LogStore } from '../audit/log.store.js';
import { RecordReader, type LogEntry } from '../audit/record-reader.service.js';
import { TenantStream } from '../exports/tenant-stream.store.js';
import { MonthEntries } from '../reports/month-entries.store.js';
import { DecisionCountStore, numberKey } from '../runs/decision-counts.store.js';

type Request = RequestOf<(typeof completenessCalls)['decisions']>;

/** Entries of the organisation that are looked at for one page, so that a page takes no longer for there being few decisions. */
const lookedAtMax = 2_048;
const streamPageMax = 512;
/** A decision may come into the log so late; what comes later is found by whoever reads all of the log. */
const lateMs = 86_400_000;

interface Found {
  readonly id: string;
  readonly index: number;
}

/** An organisation's decisions as the log has them: which number each has, what counted it, how it ended. */
@Injectable()
export class LoggedDecisions {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly spans: MonthEntries,
    private readonly stream: TenantStream,
    private readonly entries: EntryStore,
    private readonly records: RecordReader,
    private readonly counts: DecisionCountStore,
  ) {}

  /** In the order of the log; fewer than `limit`, or none, may be followed by more. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `DATABASE_UNAVAILABLE`. */
  async page({ tenant, fromMs, toMs, after, limit }: Request): Promise<ReplyOf<(typeof completenessCalls)['decisions']>> {
    const { size, span } = await withTenant(this.dataSource, '*', async (manager) => {
      const { size: logSize } = await this.log.head(manager);
      return { size: logSize, span: await this.spans.span(manager, logSize, fromMs, toMs, lateMs) };
    });
    const { found, next } = await this.find(tenant, { fromMs, toMs, after: Math.max(after ?? -1, span.after), until: span.until }, limit);
    const opened = await withTenant(this.dataSource, tenant, async (manager) => this.records.opened(manager, tenant, await this.entries.ofRecords(manager, [...new Set(found.map(({ id }) => id))]), 'sums'));
    const asked = new Set(found.map(({ index }) => index));
    const decisions = opened.filter(({ index }) => asked.has(index)).map((entry) => ({ entry, number: numberOf(entry) }));
    const countOf = await this.countsOf(decisions.flatMap(({ number }) => number ?? []));
    const ends = new Map<string, LogEntry>();
    for (const entry of opened) if ((entry.type === 'completed' || entry.type === 'voided') && !ends.has(entry.id)) ends.set(entry.id, entry);
    const data = decisions.map(({ entry, number }): LoggedDecision => ({
      ...{ index: entry.index, record: entry.id, type: entry.type as LoggedDecision['type'], timeMs: entry.timeMs, isPaid: isPaidDecision(entry.type, entry.body?.fields), number },
      count: number && countOf(number, entry.id),
      end: endOf(ends.get(entry.id)),
    }));
    return { data, next, logSize: size };
  }

  /** Decisions of the period, found by their public envelopes alone. */
  private async find(tenant: string, { fromMs, toMs, after, until }: { fromMs: number; toMs: number; after: number; until: number }, limit: number): Promise<{ found: Found[]; next: number | null }> {
    const found: Found[] = [];
    for (let [at, looked] = [after, 0]; ; ) {
      const from = at;
      const page = await withTenant(this.dataSource, tenant, (manager) => this.stream.page(manager, tenant, from, until, streamPageMax));
      if (page.length === 0) return { found, next: null };
      for (const { index, id, type, envelope } of page) {
        if (found.length === limit) return { found, next: at };
        at = index;
        looked += 1;
        const timeMs = Date.parse(parseEnvelope(envelope).time);
        if (isDecision(type) && timeMs >= fromMs && timeMs < toMs) found.push({ id, index });
      }
      if (looked >= lookedAtMax) return { found, next: at };
    }
  }

  /** What counts a number, as a function of it and of the record that has it. */
  private async countsOf(numbers: readonly DecisionNumber[]): Promise<(number: DecisionNumber, record: string) => LoggedDecision['count']> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const places = await this.counts.of(manager, numbers);
      const read = await this.entries.ofRecords(manager, [...new Set([...places.values()].map(({ record }) => record))]);
      const namedBy = new Map(read.map(({ index, type, fields }) => [index, namedIn(type, fields)]));
      return (number, record) => {
        const place = places.get(numberKey(number));
        const named = place && namedBy.get(place.index)?.(number.number);
        return named ? { index: place.index, confirmed: named.confirmed, other: named.record === record ? null : named.record } : null;
      };
    });
  }
}

type Named = (number: number) => { record: string; confirmed: boolean } | undefined;

/** Which record a count has under a number. */
function namedIn(type: string, fields: unknown): Named {
  const count = type === 'decisions.counted' ? decisionCount.parse(fields) : undefined;
  if (count) {
    const [records, unconfirmed] = [unpackRecords(count.records), new Set(count.unconfirmed)];
    return (number) => ({ record: records[number - count.from]!, confirmed: !unconfirmed.has(number) });
  }
  const { numbers, records: packed } = closedRun.parse(fields);
  const records = unpackRecords(packed);
  return (number) => {
    const record = records[numbers.indexOf(number)];
    return record === undefined ? undefined : { record, confirmed: true };
  };
}

const numberOf = ({ body }: LogEntry): DecisionNumber | null => decisionNumber.safeParse(body?.fields['decisionNumber']).data ?? null;

function endOf(entry: LogEntry | undefined): LoggedDecision['end'] {
  if (!entry) return null;
  return { index: entry.index, type: entry.type as 'completed' | 'voided', timeMs: entry.timeMs, chargeNanos: nanos.safeParse(entry.body?.fields['chargeNanos']).data ?? null };
}
