import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Ids } from '#kernel';
import { Outbox } from '#messaging';
import { Sealer, sealRecord } from '#protocol';
import type { RecordDraft, RecordType } from '#protocol';
import { TenantEntries } from './tenant-entries.js';

/** Entries of the log about what happened to an organisation's stored contents, sealed for it. */
@Injectable()
export class TenantLog {
  constructor(
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(TenantEntries) private readonly tenants: TenantEntries,
  ) {}

  /** Error: `STARTING` while the organisation is not known here; the next turn finds it, or the one after. */
  async record(manager: EntityManager, tenant: string, { type, timeMs, fields }: { type: RecordType; timeMs: number; fields: RecordDraft['fields'] }): Promise<void> {
    const entry = await this.tenants.get(tenant);
    const draft = { id: this.ids.uuid(), type, timeMs, fields, facts: null };
    await this.outbox.record(manager, sealRecord(draft, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId)));
  }
}
