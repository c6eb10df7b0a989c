import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { compilePolicies } from '#policy';
import { failure, governanceCalls, policyReplica, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { policyHash, PolicyStore, toReplica, type PolicyVersion } from './policies.store.js';

type Calls = typeof governanceCalls;

/**
 * UTF-8 of the text as JSON. A message holds 1 MiB: the replica carries the text once, and its log entry carries it sealed and in
 * base64, 4/3 × 512 KiB = 683 KiB. A larger one would stop the outbox, and with it every other publication.
 */
const textJsonBytesMax = 512 * 1024;

@Injectable()
export class Policies {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: PolicyStore,
    private readonly organisations: OrganisationStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /**
   * Publishes a text as the next version, in force at once; the text that is in force already stays the version it is.
   * Errors: `POLICY_INVALID` with `details.problems`, `BODY_TOO_LARGE`, `NOT_FOUND`.
   */
  async put({ actor, tenant, text }: RequestOf<Calls['putPolicy']>): Promise<PolicyVersion> {
    if (Buffer.byteLength(JSON.stringify(text)) > textJsonBytesMax) throw failure('BODY_TOO_LARGE', `the policy text has more than ${textJsonBytesMax} bytes as JSON`);
    compilePolicies(text);
    const published = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      const current = await this.store.find(manager, tenant);
      const hash = policyHash(text);
      if (current?.hash === hash) return current;
      const next = { tenant, version: (current?.version ?? 0) + 1, hash, text, author: actor.keyId, publishedAtMs: this.clock.nowMs() };
      const record = this.ids.uuid();
      await this.store.insert(manager, next, record);
      await this.outbox.replica(manager, policyReplica, tenant, toReplica(next));
      await this.changes.record(manager, tenant, { id: record, type: 'policy.published', fields: { actor, version: next.version, hash, text } });
      return next;
    });
    this.outbox.kick();
    return published;
  }

  /** Error: `NOT_FOUND`. */
  async get({ tenant, version }: RequestOf<Calls['getPolicy']>): Promise<PolicyVersion> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, tenant, version));
    if (found === undefined) throw failure('NOT_FOUND', version === undefined ? 'the organisation has published no policy yet' : `the organisation has no policy version ${version}`);
    return found;
  }

  /** Newest first, without the texts. */
  async list({ tenant }: RequestOf<Calls['listPolicies']>): Promise<ReplyOf<Calls['listPolicies']>> {
    const versions = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant));
    return { data: versions.map(({ text: _, ...version }) => version) };
  }
}
