import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { toHex } from '#merkle';
import { Outbox } from '#messaging';
import { failure, parseEnvelope, type AuditReport, type reportCalls, type ReplyOf, type RequestOf, type SignedReport } from '#protocol';
import { withTenant } from '#service';
import { EntryStore, type StoredEntry } from '../audit/entries.store.js';
import { LogStore, type Head } from '../audit/log.store.js';
import { RecordReader, type LogEntry } from '../audit/record-reader.service.js';
import { ChangeLog } from '../change-log.service.js';
import { TenantStream } from '../exports/tenant-stream.store.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Secrets } from '../secrets.js';
import { LogKeys } from '../witnesses/log-keys.service.js';
import { reportPdf } from './report-pdf.js';
import { hashOf, signReport, toSigned } from './signed-report.js';
import { SupplementStore, type KnownMonth } from './supplements.store.js';
import { Tally } from './tally.js';

type Calls = typeof reportCalls;
type Actor = RequestOf<Calls['supplements']>['actor'];

/** Entries looked at a time: by their envelopes alone, unless they are late. */
const pageMax = 512;
/** Late entries that are named; all are counted. */
const namedMax = 500;
/** Of late entries, opened at a time. */
const openedMax = 128;

/** Names what came into the log after the report of its month was made. The report stays as it was signed; each supplement continues what was there before it. */
@Injectable()
export class Supplements {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: SupplementStore,
    private readonly log: LogStore,
    private readonly stream: TenantStream,
    private readonly entries: EntryStore,
    private readonly records: RecordReader,
    private readonly organisations: OrganisationStore,
    private readonly secrets: Secrets,
    private readonly keys: LogKeys,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Error: `NOT_FOUND` when there is no report of the month. */
  async list({ actor, tenant, month }: RequestOf<Calls['supplements']>): Promise<ReplyOf<Calls['supplements']>> {
    await this.make(actor, tenant);
    return withTenant(this.dataSource, tenant, async (manager) => {
      if (!(await this.store.months(manager, tenant)).some((known) => known.month === month)) throw failure('NOT_FOUND', 'there is no report of this month: ask for it first');
      return { data: await this.store.list(manager, tenant, month) };
    });
  }

  /** Error: `NOT_FOUND`. */
  async get({ tenant, month, number }: RequestOf<Calls['supplement']>): Promise<SignedReport> {
    const stored = await withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, tenant, month, number));
    if (stored === undefined) throw failure('NOT_FOUND', 'the report of this month has no such supplement');
    return toSigned(stored, await this.keys.keyOf(stored.note));
  }

  /** The same for people. */
  async pdf(request: RequestOf<Calls['supplement']>): Promise<Buffer> {
    return reportPdf(await this.get(request));
  }

  /** Looks through what is new of the log, once for all months of an organisation; gives how many supplements were made. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `DATABASE_UNAVAILABLE`. */
  async make(actor: Actor, tenant: string): Promise<number> {
    const head = await withTenant(this.dataSource, '*', (manager) => this.log.head(manager));
    const months = await withTenant(this.dataSource, tenant, (manager) => this.store.months(manager, tenant));
    const behind = months.filter(({ lookedTo }) => lookedTo < head.size);
    if (behind.length === 0) return 0;
    const late = await this.lateIn(tenant, behind, head.size);
    let made = 0;
    for (const known of behind) if (await this.keep(actor, tenant, known, head, late.get(known.month) ?? [])) made += 1;
    if (made > 0) this.outbox.kick();
    return made;
  }

  private async lateIn(tenant: string, months: readonly KnownMonth[], size: number): Promise<Map<string, StoredEntry[]>> {
    const lookedTo = new Map(months.map((known) => [known.month, known.lookedTo]));
    const late = new Map<string, StoredEntry[]>();
    for (let after = Math.min(...lookedTo.values()) - 1; ; ) {
      const from = after;
      const page = await withTenant(this.dataSource, tenant, (manager) => this.stream.page(manager, tenant, from, size, pageMax));
      for (const entry of page) {
        const month = parseEnvelope(entry.envelope).time.slice(0, 7);
        const known = lookedTo.get(month);
        if (known !== undefined && entry.index >= known) late.set(month, [...(late.get(month) ?? []), entry]);
      }
      if (page.length === 0) return late;
      after = page.at(-1)!.index;
    }
  }

  private async keep(actor: Actor, tenant: string, known: KnownMonth, head: Head, late: readonly StoredEntry[]): Promise<boolean> {
    const opened = late.length === 0 ? [] : await this.open(tenant, late);
    return withTenant(this.dataSource, tenant, async (manager) => {
      if (!(await this.store.look(manager, tenant, known, head.size)) || late.length === 0) return false;
      const organisation = await this.organisations.find(manager, tenant);
      if (organisation === undefined) throw failure('NOT_FOUND', 'there is no such organisation');
      const last = await this.store.last(manager, tenant, known.month);
      const tally = new Tally();
      for (const { entry, model } of opened) {
        if (model !== undefined) tally.know(entry.id, model);
        tally.take(entry);
      }
      const { log, ...counts } = tally.counts();
      const { id, name, pseudonym } = organisation;
      const report: AuditReport = {
        ...{ organisation: { id, name, pseudonym }, month: known.month, log: { origin: this.secrets.logSigner.key.name, size: head.size, root: toHex(head.root), ...log }, ...counts },
        supplement: { number: last.number + 1, continues: last.sha256, fromIndex: known.lookedTo, late: opened.slice(0, namedMax).map(({ entry: { index, id: record, type, timeMs } }) => ({ index, id: record, type, timeMs })) },
      };
      const stored = signReport(this.secrets.logSigner, tenant, report);
      await this.store.add(manager, tenant, known.month, last.number + 1, stored, this.clock.nowMs());
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'report.made', fields: { actor, month: known.month, supplement: last.number + 1, sha256: hashOf(stored) } });
      return true;
    });
  }

  /** With the model that an earlier admission says, which the end does not. */
  private async open(tenant: string, late: readonly StoredEntry[]): Promise<{ entry: LogEntry; model: string | undefined }[]> {
    const opened: { entry: LogEntry; model: string | undefined }[] = [];
    for (let at = 0; at < late.length; at += openedMax) {
      const page = late.slice(at, at + openedMax);
      await withTenant(this.dataSource, tenant, async (manager) => {
        const ended = page.filter(({ type }) => type === 'completed').map(({ id }) => id);
        const admitted = (await this.entries.ofRecords(manager, ended)).filter(({ type }) => type === 'admitted');
        const models = new Map((await this.records.opened(manager, tenant, admitted, 'sums')).map(({ id, body }) => [id, body?.fields['model']]));
        for (const entry of await this.records.opened(manager, tenant, page, 'sums')) {
          const model = models.get(entry.id);
          opened.push({ entry, model: typeof model === 'string' && entry.type === 'completed' ? model : undefined });
        }
      });
    }
    return opened;
  }
}
