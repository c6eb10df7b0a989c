import { createHash } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, uuidOfHash } from '#kernel';
import { Outbox } from '#messaging';
import { formatVerifierKey, nodeCrypto, openKeyChange, parseNote, parseVerifierKey, sha256, signKeyChange, toHex, type KeyChange, type VerifierKey } from '#merkle';
import { failure, operatorRecord } from '#protocol';
import { Readiness, withTenant } from '#service';
import { RecordReader, type LogEntry } from '../audit/record-reader.service.js';
import type { Head } from '../audit/log.store.js';
import { SearchStore } from '../search/search.store.js';
import { Secrets } from '../secrets.js';

/** So many changes are no log's life. */
const changesMax = 256;

/** A change of key that is an entry. */
export interface LoggedChange extends KeyChange {
  readonly index: number;
  readonly envelope: string;
  readonly note: string;
}

/** The key that signs the log, and those that did. A change is a note that both keys sign and an entry of the log; nothing else remembers it. */
@Injectable()
export class LogKeys implements OnApplicationBootstrap {
  /** Verifier key. */
  readonly now: string;
  private readonly logger = new Logger(LogKeys.name);
  private problem: string | undefined;
  private isNoted = false;
  private before: readonly VerifierKey[] = [];

  constructor(
    private readonly dataSource: DataSource,
    private readonly records: RecordReader,
    private readonly search: SearchStore,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
    private readonly secrets: Secrets,
    private readonly readiness: Readiness,
  ) {
    this.now = formatVerifierKey(secrets.logSigner.key);
  }

  onApplicationBootstrap(): void {
    this.readiness.add('log key', () => this.problem === undefined);
  }

  /** The key before, as the operator named it: with its seed, or as lost. */
  get former(): string | undefined {
    const { formerSigner, lostKey } = this.secrets;
    return formerSigner === undefined ? lostKey : formatVerifierKey(formerSigner.key);
  }

  /** Whether there is a change of key that this process has not found to be an entry yet. */
  get owesNote(): boolean {
    return !this.isNoted && this.former !== undefined && this.former !== this.now;
  }

  /**
   * The key that signed last where no mark says it, since there is none or it is of an earlier release: what the last change that is an entry led to. Without any it is the former one, where the operator
   * names one that the mark may be of, or else the one that this process has: nothing else knows better. In the caller's transaction. Error: `DATABASE_UNAVAILABLE`.
   */
  async lastLogged(manager: EntityManager, isMarked: boolean): Promise<string> {
    const last = (await this.changes(manager)).at(-1);
    if (last !== undefined) return formatVerifierKey(last.next);
    if (isMarked && this.former !== undefined) return this.former;
    this.logger.warn(`nothing says under which key the log was signed before: it goes on under ${this.now}, which must be the one that its readers know`);
    return this.now;
  }

  /** Whether this process's key may sign after the one that signed last. In the caller's transaction. Error: `SERVICE_UNAVAILABLE`, with what to do. */
  async requireMayFollow(last: string, manager: EntityManager): Promise<void> {
    const { name } = this.secrets.logSigner.key;
    const problem = last === this.now ? undefined : !last.startsWith(`${name}+`) ? renamed(last, name) : last !== this.former ? this.unknown(last) : await this.givenUp(manager);
    if (problem !== undefined && problem !== this.problem) this.logger.error(problem);
    this.problem = problem;
    if (problem !== undefined) throw failure('SERVICE_UNAVAILABLE', problem);
  }

  /** Makes it an entry that this key follows the former one, once: which signed nothing above this head, and signs nothing more. In a transaction of its own: it is committed before anything is signed under this key. Error: `DATABASE_UNAVAILABLE`. */
  async note({ size, root }: Head): Promise<void> {
    const { formerSigner, logSigner } = this.secrets;
    if (this.former === undefined || !this.owesNote) return;
    const former = parseVerifierKey(sha256, this.former);
    const id = changeId(this.former, this.now);
    if ((await this.records.operatorEntries([id])).length === 0) {
      const note = signKeyChange({ size, root }, former, ...(formerSigner === undefined ? [] : [formerSigner]), logSigner);
      await withTenant(this.dataSource, '*', (manager) => this.outbox.record(manager, operatorRecord({ id, type: 'log-key.changed', timeMs: this.clock.nowMs(), fields: { note }, facts: null })));
      this.outbox.kick();
      this.logger.warn(`the log goes on under the key ${this.now}; ${this.former} signed up to ${size} entries, root ${toHex(root)}`);
    }
    this.isNoted = true;
  }

  /** All changes that are entries, oldest first; in the caller's transaction where there is one. Error: `DATABASE_UNAVAILABLE`. */
  async changes(within?: EntityManager): Promise<LoggedChange[]> {
    const read = async (manager: EntityManager): Promise<LogEntry[]> => {
      const found = await this.search.find(manager, { tenant: null, type: 'log-key.changed', limit: changesMax });
      return this.records.operatorEntriesIn(manager, [...new Set(found.map(({ id }) => id))]);
    };
    const entries = within === undefined ? await withTenant(this.dataSource, '*', read) : await read(within);
    return entries
      .filter(({ type }) => type === 'log-key.changed')
      .map(({ index, envelope, body }) => {
        const note = body!.fields['note'] as string;
        return { ...openKeyChange(nodeCrypto, note), index, envelope, note };
      })
      .sort((a, b) => a.index - b.index);
  }

  /** Whether this process's key signed a note. */
  isOfNow(note: string): boolean {
    const { key } = this.secrets.logSigner;
    return parseNote(note).signatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId);
  }

  /** The log's key that signed a note of its own, which may be one from before. Error: `DATABASE_UNAVAILABLE`. */
  async signerOf(note: string): Promise<VerifierKey> {
    const { key } = this.secrets.logSigner;
    const ids = new Set(parseNote(note).signatures.filter(({ name }) => name === key.name).map(({ keyId }) => keyId));
    if (ids.has(key.keyId)) return key;
    const known = (): VerifierKey | undefined => this.before.find(({ keyId }) => ids.has(keyId));
    if (known() === undefined) this.before = (await this.changes()).map(({ former }) => former);
    return known() ?? key;
  }

  /** The same, as it is written. */
  async keyOf(note: string): Promise<string> {
    return formatVerifierKey(await this.signerOf(note));
  }

  private unknown(last: string): string {
    return `the log was signed last under ${last}, and this process has the key ${this.now}: nothing is signed. For a new key give the former one's seed as AUDIT_SIGNING_SEED_FORMER, or, where that is lost, AUDIT_SIGNING_KEY_LOST='${last}'`;
  }

  private async givenUp(manager: EntityManager): Promise<string | undefined> {
    const isBack = (await this.changes(manager)).some(({ former }) => formatVerifierKey(former) === this.now);
    return isBack ? `the key ${this.now} was given up before: nothing is signed under it again` : undefined;
  }
}

const renamed = (last: string, name: string): string => `the log was signed last under ${last}, and AUDIT_ORIGIN is ${name} now: nothing is signed, for a log keeps its name`;

/** Of a change there is one entry, whichever process makes it (a UUID of version 8). */
export const changeId = (former: string, next: string): string => uuidOfHash(createHash('sha256').update(`${former}\n${next}`).digest('hex'));
