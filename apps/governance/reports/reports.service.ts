import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { toHex } from '#merkle';
import { Outbox } from '#messaging';
import { failure, parseEnvelope, type AuditReport, type reportCalls, type RequestOf, type SignedReport } from '#protocol';
import { withTenant } from '#service';
import type { StoredEntry } from '../audit/entries.store.js';
import { LogStore } from '../audit/log.store.js';
import { RecordReader } from '../audit/record-reader.service.js';
import { ChangeLog } from '../change-log.service.js';
import { TenantStream } from '../exports/tenant-stream.store.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Secrets } from '../secrets.js';
import { LogKeys } from '../witnesses/log-keys.service.js';
import { MonthEntries } from './month-entries.store.js';
import { monthBounds, settleMs } from './month.js';
import { reportPdf } from './report-pdf.js';
import { hashOf, signReport, toSigned, type StoredReport } from './signed-report.js';
import { Tally } from './tally.js';

type Request = RequestOf<(typeof reportCalls)['get']>;

/** Entries opened at a time. */
const pageMax = 128;

/** What an organisation's month looked like, read from the log and signed with the log's key. Made once. */
@Injectable()
export class Reports {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly months: MonthEntries,
    private readonly stream: TenantStream,
    private readonly records: RecordReader,
    private readonly organisations: OrganisationStore,
    private readonly secrets: Secrets,
    private readonly keys: LogKeys,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Errors: `NOT_FOUND`, `REQUEST_INVALID` when the month is not over, `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async get(request: Request): Promise<SignedReport> {
    const { tenant, month } = request;
    if (monthBounds(month).untilMs + settleMs > this.clock.nowMs()) throw failure('REQUEST_INVALID', `${month} is not over: a report is made an hour after its end`, { param: 'month' });
    const stored = (await this.stored(tenant, month)) ?? (await this.make(request));
    return toSigned(stored, await this.keys.keyOf(stored.note));
  }

  /** The same for people. */
  async pdf(request: Request): Promise<Buffer> {
    return reportPdf(await this.get(request));
  }

  private stored(tenant: string, month: string): Promise<StoredReport | undefined> {
    return withTenant(this.dataSource, tenant, async (manager) => (await manager.query<StoredReport[]>('SELECT report, note FROM governance.audit_reports WHERE tenant = $1 AND month = $2', [tenant, month]))[0]);
  }

  private async make({ actor, tenant, month }: Request): Promise<StoredReport> {
    const signed = signReport(this.secrets.logSigner, tenant, await this.read(tenant, month));
    const made = await withTenant(this.dataSource, tenant, async (manager) => {
      const rows = await manager.query<unknown[]>(
        'INSERT INTO governance.audit_reports (tenant, month, report, note, made_at_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING month',
        [tenant, month, signed.report, signed.note, this.clock.nowMs()],
      );
      if (rows.length === 1) await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'report.made', fields: { actor, month, sha256: hashOf(signed) } });
      return rows.length === 1;
    });
    this.outbox.kick();
    // Another process was first: what is stored is the report.
    return made ? signed : (await this.stored(tenant, month))!;
  }

  private async read(tenant: string, month: string): Promise<AuditReport> {
    const { fromMs, untilMs } = monthBounds(month);
    const { organisation, head, span } = await withTenant(this.dataSource, '*', async (manager: EntityManager) => {
      const found = await this.organisations.find(manager, tenant);
      if (found === undefined) throw failure('NOT_FOUND', 'there is no such organisation');
      const at = await this.log.head(manager);
      // To the end of the log: what came late until now is in the report, and what comes later in a supplement.
      const { after } = await this.months.span(manager, at.size, fromMs, untilMs);
      return { organisation: found, head: at, span: { after, until: at.size } };
    });
    const tally = new Tally();
    for (let { after } = span; ; ) {
      const page = await withTenant(this.dataSource, tenant, async (manager) => {
        const found = await this.stream.page(manager, tenant, after, span.until, pageMax);
        const isOfMonth = ({ envelope }: StoredEntry): boolean => parseEnvelope(envelope).time.startsWith(`${month}-`);
        return { last: found.at(-1)?.index, entries: await this.records.opened(manager, tenant, found.filter(isOfMonth), 'sums') };
      });
      for (const entry of page.entries) tally.take(entry);
      if (page.last === undefined) break;
      after = page.last;
    }
    const { log, ...counts } = tally.counts();
    const { id, name, pseudonym } = organisation;
    return { organisation: { id, name, pseudonym }, month, log: { origin: this.secrets.logSigner.key.name, size: head.size, root: toHex(head.root), ...log }, ...counts };
  }
}
