import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids, isDomainError } from '#kernel';
import { Outbox } from '#messaging';
import { operatorRecord, Role, type RecordFields, type Reader } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';

/** The same reader at the same thing within this time has read it once: whoever waits for a record asks often. */
const alikeMs = 60_000;
/** Reads remembered; beyond it the oldest is an entry again. */
const rememberedMax = 4_096;

/** What was read of an organisation; `record` of bodies, `filter` of searches and of comparisons, `month` of reports. */
export interface Read {
  readonly what: 'record' | 'bundle' | 'search' | 'dry-run' | 'report' | 'export' | 'completeness';
  readonly record?: string;
  /** Names of the only fields that were read. */
  readonly fields?: readonly string[];
  readonly filter?: RecordFields;
  readonly month?: string;
  /** Erasures that wait for a hold, of whose records some were read. */
  readonly restricted?: readonly string[];
}

/** Makes it an entry that somebody reads data not to work with it but to look after it. */
@Injectable()
export class ReadLog {
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Resolves when the entry is sure to come; before that nothing is answered. What developers read of their own organisation is its work. Error: `DATABASE_UNAVAILABLE`. */
  async note(reader: Reader | undefined, tenant: string | null, read: Read): Promise<void> {
    if (reader === undefined || reader.role === Role.developer) return;
    // A search shows envelopes, which are public: to the own organisation it tells nothing that is not its own.
    if (read.what === 'search' && reader.tenant === tenant) return;
    const nowMs = this.clock.nowMs();
    const name = JSON.stringify([reader.keyId, tenant, read]);
    if ((this.seen.get(name) ?? -alikeMs) > nowMs - alikeMs) return;
    const entry = { id: this.ids.uuid(), type: 'data.read' as const, fields: { actor: { ...reader }, ...read, organisation: tenant } as RecordFields };
    try {
      await withTenant(this.dataSource, tenant ?? '*', async (manager) => {
        if (tenant === null) await this.outbox.record(manager, operatorRecord({ ...entry, timeMs: nowMs, facts: null }));
        else await this.changes.record(manager, tenant, entry);
      });
    } catch (error) {
      // There is no such organisation, and nothing of it was read.
      if (!isDomainError(error, 'NOT_FOUND')) throw error;
      return;
    }
    this.outbox.kick();
    this.seen.delete(name);
    this.seen.set(name, nowMs);
    if (this.seen.size > rememberedMax) this.seen.delete(this.seen.keys().next().value!);
  }
}
