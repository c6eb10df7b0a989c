import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { outboundTarget } from '#outbound';
import { failure, webhook, webhookCalls, webhookSecret, webhooksMax, type RecordFields, type ReplyOf, type RequestOf, type Webhook } from '#protocol';
import { withTenant } from '#service';
import { LogStore } from '../audit/log.store.js';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Secrets } from '../secrets.js';
import { WebhookSecrets } from './webhook-secrets.service.js';
import { WebhookStore, type FormerTypes, type StoredWebhook } from './webhooks.store.js';

type Calls = typeof webhookCalls;

const oldSecretMs = 86_400_000;
const secretBytes = 32;

/** Where organisations want entries delivered. Every change is an entry of its own. */
@Injectable()
export class Webhooks {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: WebhookStore,
    private readonly keptSecrets: WebhookSecrets,
    private readonly organisations: OrganisationStore,
    private readonly log: LogStore,
    private readonly secrets: Secrets,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Errors: `URL_REFUSED`, `REQUEST_INVALID` for a secret that is none, `CONFLICT` when there are too many, `NOT_FOUND`. */
  async create({ actor, tenant, url, types, secret = freshSecret(), after }: RequestOf<Calls['create']>): Promise<ReplyOf<Calls['create']>> {
    this.judge(url);
    const nowMs = this.clock.nowMs();
    const { size } = await withTenant(this.dataSource, '*', (manager) => this.log.head(manager));
    const made = { id: this.ids.uuid(), tenant, url, types: types ?? null, state: 'active' as const, position: after ?? size - 1, nextAttemptMs: nowMs, createdAtMs: nowMs };
    await this.changing(tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      if ((await this.store.list(manager, tenant, nowMs)).length >= webhooksMax) throw failure('CONFLICT', `an organisation has at most ${webhooksMax} webhooks: remove one`);
      await this.store.insert(manager, made, await this.keptSecrets.seal(manager, tenant, made.id, secret));
      await this.record(manager, tenant, { actor, change: 'created', webhook: made.id, url, types: types ?? null });
    });
    return { ...made, attempts: 0, lastError: null, secret };
  }

  async list({ tenant }: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant, this.clock.nowMs()));
    return { data: found.map(shown) };
  }

  /**
   * What is changed is tried at once. Other types hold for what comes from now on, and what is still to be delivered of before is as it was asked for then, so that nothing is lost
   * or sent twice; but where it is said after which entry to begin, they hold for all. Errors: `NOT_FOUND`, `URL_REFUSED`.
   */
  async change({ actor, tenant, id, change }: RequestOf<Calls['change']>): Promise<Webhook> {
    if (change.url !== undefined) this.judge(change.url);
    return this.changing(tenant, async (manager) => {
      const held = await this.held(manager, tenant, id);
      const { url = held.url, types = held.types, state = held.state, after = held.position } = change;
      const typesBefore = change.after !== undefined ? [] : change.types === undefined ? held.typesBefore : formerTypes(held, await this.size(manager));
      const changed = { ...held, url, types, typesBefore, state, position: after, attempts: 0, deadInARow: 0, lastError: null, nextAttemptMs: this.clock.nowMs() };
      if (Object.keys(change).every((name) => name === 'types')) {
        await this.store.changeTypes(manager, changed);
        await this.record(manager, tenant, { actor, change: 'changed', webhook: id, url, types, state, after });
        return shown({ ...held, types });
      }
      await this.store.change(manager, changed);
      await this.record(manager, tenant, { actor, change: 'changed', webhook: id, url, types, state, after });
      return shown(changed);
    });
  }

  /** Errors: `NOT_FOUND`, `REQUEST_INVALID`. */
  rotate({ actor, tenant, id, secret = freshSecret() }: RequestOf<Calls['rotate']>): Promise<ReplyOf<Calls['rotate']>> {
    return this.changing(tenant, async (manager) => {
      const held = await this.held(manager, tenant, id);
      await this.store.putSecret(manager, id, await this.keptSecrets.seal(manager, tenant, id, secret), this.clock.nowMs() + oldSecretMs);
      await this.record(manager, tenant, { actor, change: 'secret rotated', webhook: id });
      return { ...shown(held), secret };
    });
  }

  /** Error: `NOT_FOUND`. */
  remove({ actor, tenant, id }: RequestOf<Calls['remove']>): Promise<Webhook> {
    return this.changing(tenant, async (manager) => {
      const held = await this.held(manager, tenant, id);
      await this.store.remove(manager, id);
      await this.record(manager, tenant, { actor, change: 'removed', webhook: id });
      return shown(held);
    });
  }

  /** Errors: `NOT_FOUND`, `REQUEST_INVALID`. */
  async dead({ tenant, id, after, limit }: RequestOf<Calls['dead']>): Promise<ReplyOf<Calls['dead']>> {
    if (after !== undefined && !/^\d{1,15}$/.test(after)) throw failure('REQUEST_INVALID', '"after" is the index of an entry, in decimal', { param: 'after' });
    return withTenant(this.dataSource, tenant, async (manager) => {
      await this.held(manager, tenant, id);
      const found = await this.store.dead(manager, id, after === undefined ? undefined : Number(after), limit + 1);
      return { data: found.slice(0, limit), hasMore: found.length > limit };
    });
  }

  /** The deployment gave an endpoint up. */
  async disabled(manager: EntityManager, { id, tenant }: StoredWebhook, error: string): Promise<void> {
    await this.record(manager, tenant, { actor: { keyId: null, tenant: null }, change: 'disabled', webhook: id, error });
  }

  /** Read after the endpoint is held: a round that has it has taken no entry from here on. */
  private async size(manager: EntityManager): Promise<number> {
    return (await this.log.head(manager)).size;
  }

  private judge(url: string): void {
    const { protocol } = outboundTarget(url, this.secrets.webhookAllowed);
    if (protocol !== 'https:' && !this.secrets.webhookPlain) throw failure('URL_REFUSED', 'a webhook is delivered over https only', { param: 'url' });
  }

  private async held(manager: EntityManager, tenant: string, id: string): Promise<StoredWebhook> {
    const held = await this.store.hold(manager, tenant, id, this.clock.nowMs());
    if (held === undefined) throw failure('NOT_FOUND', 'the organisation has no such webhook');
    return held;
  }

  private record(manager: EntityManager, tenant: string, fields: RecordFields): Promise<void> {
    return this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'webhooks.changed', fields });
  }

  private async changing<T>(tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const done = await withTenant(this.dataSource, tenant, work);
    this.outbox.kick();
    return done;
  }
}

const freshSecret = (): string => webhookSecret(randomBytes(secretBytes));
const shown = (stored: StoredWebhook): Webhook => webhook.parse(stored);

/** With what was asked for until now, as far as it is still to be delivered; entries that no change lies between are one. */
function formerTypes({ position, types, typesBefore }: StoredWebhook, size: number): FormerTypes[] {
  const left = typesBefore.filter(({ before }) => before > position + 1);
  return size <= Math.max(position + 1, left.at(-1)?.before ?? 0) ? left : [...left, { before: size, types }];
}
