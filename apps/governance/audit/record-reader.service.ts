import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { z } from 'zod';
import { Clock } from '#kernel';
import { failure, governanceCalls, openStoredBody, operatorSecret, parseEnvelope, seesRestricted, withPerson, type logEntry, type Reader, type ReplyOf, type RequestOf, type StoredBody } from '#protocol';
import { withTenant } from '#service';
import { SealingKeyStore, type DestroyedKey } from '../organisations/sealing-keys.store.js';
import { PersonKeyStore, type ErasedKey } from '../persons/person-keys.store.js';
import { SearchStore } from '../search/search.store.js';
import { mayBePending } from './awaited-record.js';
import { EntryStore, type StoredEntry } from './entries.store.js';

type Calls = typeof governanceCalls;
export type LogEntry = z.output<typeof logEntry>;

/** For whom bodies are opened: somebody, somebody who is not known, or the service itself, which tells nobody what is in one of them. */
export type OpenedFor = Reader | undefined | 'sums';

/** Reads the log for people. */
@Injectable()
export class RecordReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly entries: EntryStore,
    private readonly search: SearchStore,
    private readonly sealingKeys: SealingKeyStore,
    private readonly personKeys: PersonKeyStore,
    private readonly clock: Clock,
  ) {}

  /**
   * Entries of a record with their bodies: opened for their own tenant; to the deployment (`tenant` null) only its own are open.
   * What is restricted is open to few. Errors: `NOT_FOUND` (another tenant's record too), `RECORD_PENDING`, `INTERNAL` when a stored body does not open.
   */
  async read({ tenant, id, reader }: RequestOf<Calls['getRecord']>): Promise<LogEntry[]> {
    const found = await this.entriesOf(tenant, id, reader);
    return this.some(found, id);
  }

  /** The same; none when there are none. */
  async entriesOf(tenant: string | null, id: string, reader?: Reader): Promise<LogEntry[]> {
    return withTenant(this.dataSource, tenant ?? '*', async (manager) => {
      return this.opened(manager, tenant, await this.entries.ofRecord(manager, id), reader);
    });
  }

  /** Stored entries as `read` gives them. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `INTERNAL` when a stored body does not open. */
  async opened(manager: EntityManager, tenant: string | null, found: readonly StoredEntry[], reader: OpenedFor): Promise<LogEntry[]> {
    const keys = tenant === null ? new Map<string, Uint8Array>() : await this.sealingKeys.privateKeys(manager, tenant, [...new Set(found.flatMap(({ body }) => body?.sealKeyId ?? []))]);
    const opened = found.map((entry) => ({ entry, body: openBody(entry, keys) }));
    const personKeys = [...new Set(opened.flatMap(({ body }) => body?.person?.sealed.sealKeyId ?? []))];
    const restricted = tenant === null || reader === 'sums' ? new Map<string, string>() : await this.personKeys.restricted(manager, tenant, personKeys);
    const maySee = reader !== undefined && reader !== 'sums' && reader.tenant === tenant && seesRestricted.has(reader.role);
    const persons = tenant === null ? new Map<string, never>() : await this.personKeys.open(manager, tenant, personKeys);
    const destroyed = tenant === null ? new Map<string, never>() : await this.sealingKeys.destroyed(manager, tenant, [...new Set(opened.flatMap(({ entry, body }) => (body === null ? (entry.body?.sealKeyId ?? []) : [])))]);
    return opened.map(({ entry, body }) => {
      const held = body?.person && restricted.get(body.person.sealed.sealKeyId);
      return { ...toReply(entry), body: body && (held === undefined || maySee) ? wholeBody(entry, body, persons) : null, ...expiredOf(entry, destroyed), ...(held !== undefined && { restricted: restriction(held) }) };
    });
  }

  /** Entries of the deployment itself, whose bodies are public; of other records none. */
  async operatorEntries(ids: readonly string[]): Promise<LogEntry[]> {
    return withTenant(this.dataSource, '*', (manager) => this.operatorEntriesIn(manager, ids));
  }

  /** The same in the caller's transaction, of all tenants. */
  async operatorEntriesIn(manager: EntityManager, ids: readonly string[]): Promise<LogEntry[]> {
    const found: StoredEntry[] = [];
    for (const id of ids) found.push(...(await this.entries.ofRecord(manager, id)));
    return found.filter(({ tenant }) => tenant === null).map((entry) => ({ ...toReply(entry), body: openBody(entry, new Map()) as LogEntry['body'] }));
  }

  /** The same without bodies. Errors: `NOT_FOUND`, `RECORD_PENDING`. */
  async readClosed({ tenant, id }: RequestOf<Calls['getRecord']>): Promise<LogEntry[]> {
    const found = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.entries.ofRecord(manager, id));
    return this.some(found, id).map((entry) => ({ ...toReply(entry), body: null }));
  }

  /** Newest first; `after` is the index of the last entry of the page before, in decimal. Error: `REQUEST_INVALID`. */
  async list({ after, limit, ...filter }: RequestOf<Calls['listRecords']>): Promise<ReplyOf<Calls['listRecords']>> {
    if (after !== undefined && !/^\d{1,15}$/.test(after)) throw failure('REQUEST_INVALID', '"after" is the index of an entry, in decimal');
    return withTenant(this.dataSource, filter.tenant ?? '*', async (manager) => {
      const found = await this.search.find(manager, { ...filter, after: after === undefined ? undefined : Number(after), limit: limit + 1 });
      const page = found.slice(0, limit);
      const entries = await this.entries.at(manager, page.map(({ index }) => index), page.map(({ id }) => id));
      return { data: entries.map(toReply), hasMore: found.length > limit };
    });
  }

  private some<T>(found: T[], id: string): T[] {
    if (found.length > 0) return found;
    if (mayBePending(id, this.clock.nowMs())) throw failure('RECORD_PENDING', 'there is no such record in the log yet; ask again in a second');
    throw failure('NOT_FOUND', 'there is no such record');
  }
}

/** Of entries that were opened for somebody: the erasures that wait for a hold, of which some bodies were shown all the same. */
export const disclosedErasures = (entries: readonly LogEntry[]): string[] => [...new Set(entries.flatMap(({ body, restricted }) => (body !== null && restricted ? [restricted.erasure] : [])))];

const restriction = (erasure: string): NonNullable<LogEntry['restricted']> => ({ code: 'RECORD_RESTRICTED', message: 'whom this record is about asked to be erased, and a legal hold is in the way: until it is released the record is kept and not used', erasure });

function toReply({ index, id, type, tenant, envelope }: StoredEntry): Omit<LogEntry, 'body'> {
  return { index, id, type, timeMs: Date.parse(parseEnvelope(envelope).time), tenant, envelope: envelope.toString('base64') };
}

function openBody({ id, type, body, fields }: StoredEntry, keys: ReadonlyMap<string, Uint8Array>): StoredBody | null {
  if (fields !== null) return { secret: Buffer.from(operatorSecret).toString('base64'), fields: fields as StoredBody['fields'] };
  const key = body && keys.get(body.sealKeyId);
  if (!body || !key) return null;
  try {
    return openStoredBody(id, type, body, key);
  } catch (cause) {
    throw failure('INTERNAL', `the stored body of record ${id} (${type}) does not open`, {}, cause);
  }
}

/** With what names a person, or why that is not there. */
function wholeBody({ id, type }: StoredEntry, body: StoredBody, persons: ReadonlyMap<string, Uint8Array | ErasedKey>): NonNullable<LogEntry['body']> {
  const key = body.person && persons.get(body.person.sealed.sealKeyId);
  try {
    if (key === undefined || key instanceof Uint8Array) return withPerson(id, type, body, key);
  } catch (cause) {
    throw failure('INTERNAL', `what names a person in record ${id} (${type}) does not open`, {}, cause);
  }
  const message = `what names a person in this record was erased on ${new Date(key.erasedAtMs).toISOString()}`;
  return { ...withPerson(id, type, body, undefined), error: { code: 'PERSONAL_DATA_ERASED', message, erasure: key.erasure, erasedAtMs: key.erasedAtMs } };
}

/** Why there is no body, where its period is over. */
function expiredOf({ body }: StoredEntry, destroyed: ReadonlyMap<string, DestroyedKey>): Pick<LogEntry, 'expired'> {
  const key = body && destroyed.get(body.sealKeyId);
  if (!key) return {};
  return { expired: { code: 'RECORD_EXPIRED', message: `the period for which this record is kept ended, and its key was destroyed on ${new Date(key.atMs).toISOString()}`, retention: key.by, expiredAtMs: key.atMs } };
}
