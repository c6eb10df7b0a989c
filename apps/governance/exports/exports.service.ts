import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { exportCalls, operatorRecord, type ExportedEntry, type RecordFields, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { Prover } from '../audit/prover.service.js';
import { ReadLog } from '../audit/read-log.service.js';
import { RecordReader } from '../audit/record-reader.service.js';
import { ChangeLog } from '../change-log.service.js';
import { TenantStream } from './tenant-stream.store.js';

type Calls = typeof exportCalls;

/** Entries that tell of reading the log: alone they are no reason to record that it was read. */
export const ofReading: ReadonlySet<string> = new Set(['log.exported', 'data.read']);
/** Looked at to find one that is not of reading. */
const lookedAtMax = 32;

/** Gives the entries of an organisation out in order, each export being an entry itself. */
@Injectable()
export class Exports {
  constructor(
    private readonly dataSource: DataSource,
    private readonly stream: TenantStream,
    private readonly prover: Prover,
    private readonly records: RecordReader,
    private readonly reads: ReadLog,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Errors: `NOT_FOUND` when there is no such organisation, `DATABASE_UNAVAILABLE`. */
  async begin({ actor, tenant, format, after, limit }: RequestOf<Calls['begin']>): Promise<ReplyOf<Calls['begin']>> {
    const { note, size, logKey } = await this.prover.checkpoint();
    const id = this.ids.uuid();
    const isNew = await withTenant(this.dataSource, tenant ?? '*', async (manager) => {
      const next = await this.stream.page(manager, tenant, after ?? -1, size, Math.min(limit, lookedAtMax));
      if (next.length < lookedAtMax && next.every(({ type }) => ofReading.has(type))) return false;
      const fields: RecordFields = { actor, format, after, limit, logSize: size };
      if (tenant === null) await this.outbox.record(manager, operatorRecord({ id, type: 'log.exported', timeMs: this.clock.nowMs(), fields, facts: null }));
      else await this.changes.record(manager, tenant, { id, type: 'log.exported', fields });
      return true;
    });
    if (isNew) this.outbox.kick();
    return { export: isNew ? id : null, until: size, checkpoint: note, logKey };
  }

  /** Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `INTERNAL` when a stored body does not open, `DATABASE_UNAVAILABLE`. */
  async page({ tenant, after, until, limit, reader }: RequestOf<Calls['page']>): Promise<ReplyOf<Calls['page']>> {
    const restricted = new Set<string>();
    const page = await withTenant(this.dataSource, tenant ?? '*', async (manager) => {
      const found = await this.stream.page(manager, tenant, after ?? -1, until, limit);
      let previous = after === null ? null : await this.stream.lastUntil(manager, tenant, after);
      const data = (await this.records.opened(manager, tenant, found, reader)).map(({ body, restricted: held, ...entry }): ExportedEntry => {
        if (held && body !== null) restricted.add(held.erasure);
        const error = body === null ? held : body.error;
        const opening = body && { secret: body.secret, ...(body.person && { person: body.person }) };
        const told = { ...entry, previous, fields: body?.fields ?? null, opening, ...(error && { error }) };
        previous = entry.index;
        return told;
      });
      const last = found.at(-1)?.index;
      const more = last !== undefined && (await this.stream.page(manager, tenant, last, until, 1)).length > 0;
      return { data, next: more ? last : null };
    });
    if (restricted.size > 0) await this.reads.note(reader, tenant, { what: 'export', restricted: [...restricted] });
    return page;
  }
}
