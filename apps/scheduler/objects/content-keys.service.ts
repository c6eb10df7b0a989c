import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, DomainError, isDomainError } from '#kernel';
import { Caller } from '#messaging';
import { ContentKeyOpener, ContentKeyWrapper, MasterKey } from '#objects';
import type { KeyWrapper, WrappedKey } from '#objects';
import { contentKeyCalls, contentKeyMsMax, failure, generateSealKeys, openedContentKey, unseal } from '#protocol';
import { withTenant } from '#service';
import { TenantEntries } from '../tenant-entries.js';
import { ContentKeyStore } from './content-keys.store.js';

/** What governance could not open is not asked for again at once. */
const refusedMs = 1_000;
/** Opened keys and wrappers in memory: a few hundred bytes each. */
const heldMax = 10_000;

const contextOf = (tenant: string, context: string): string => `key ${tenant} ${context}`;

/**
 * Wraps data keys to their organisation's content key: to its public half, which governance tells everybody, so that storing asks nobody. The private half is asked for, kept
 * in memory for as long as governance lets it be, and forgotten: an organisation that takes its KMS away has closed its contents after five minutes.
 */
@Injectable()
export class ContentKeys implements KeyWrapper {
  private readonly opened = new Map<string, { readonly opener: ContentKeyOpener; readonly untilMs: number }>();
  private readonly refused = new Map<string, { readonly error: DomainError; readonly untilMs: number }>();
  private readonly asking = new Map<string, Promise<ContentKeyOpener>>();
  private readonly making = new Map<string, Promise<ContentKeyWrapper>>();
  private readonly wrappers = new Map<string, { readonly wrapper: ContentKeyWrapper; readonly untilMs: number }>();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Caller) private readonly caller: Caller,
    @Inject(TenantEntries) private readonly tenants: TenantEntries,
    @Inject(ContentKeyStore) private readonly store: ContentKeyStore,
    @Inject(MasterKey) private readonly master: MasterKey,
  ) {}

  /** Under the master key while governance has made no content key, as it was before. Errors: STARTING while the organisation is not known here, SERVICE_UNAVAILABLE. */
  async wrap(tenant: string, context: string, key: Uint8Array): Promise<WrappedKey> {
    const newest = await this.newest(tenant);
    if (newest === undefined) return this.master.wrap(tenant, context, key);
    return { bytes: newest.wrap(context, key), over: newest.over };
  }

  /** What wraps to the newest content key without asking anybody: fetched before a transaction that wraps in its middle. Undefined while there is no content key. Errors: those of wrapping. */
  async newest(tenant: string): Promise<{ readonly over: string; wrap(context: string, key: Uint8Array): Buffer } | undefined> {
    const { contentKey } = await this.tenants.soon(tenant);
    if (contentKey === undefined) return undefined;
    const wrapper = await this.wrapperOf(tenant, contentKey);
    return { over: contentKey.id, wrap: (context, key) => wrapper.wrap(contextOf(tenant, context), key) };
  }

  /** Never in a transaction: one organisation's KMS that does not answer would keep connections that all wait for. Errors: KMS_UNAVAILABLE, KMS_REFUSED; throws when the key was wrapped for something else, or changed. */
  async unwrap(tenant: string, context: string, wrapped: WrappedKey): Promise<Buffer> {
    if (wrapped.over === null) return this.master.unwrap(tenant, context, wrapped);
    return (await this.open(tenant, wrapped.over)).unwrap(contextOf(tenant, context), wrapped.bytes);
  }

  /** What opens those that were wrapped by a content key without asking anybody; null: by the master key. Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  async opening(tenant: string, over: string | null): Promise<(context: string, bytes: Uint8Array) => Buffer> {
    if (over === null) return (context, bytes) => this.master.unwrapped(tenant, context, bytes);
    const opener = await this.open(tenant, over);
    return (context, bytes) => opener.unwrap(contextOf(tenant, context), bytes);
  }

  private async open(tenant: string, id: string): Promise<ContentKeyOpener> {
    const nowMs = this.clock.monotonicMs();
    const known = this.opened.get(id);
    if (known && nowMs < known.untilMs) return known.opener;
    const refused = this.refused.get(id);
    if (refused && nowMs < refused.untilMs) throw refused.error;
    return once(this.asking, id, () => this.ask(tenant, id, nowMs));
  }

  /** What may be used no more does not stay in memory either. */
  forgetOver(): void {
    const nowMs = this.clock.monotonicMs();
    for (const held of [this.opened, this.refused, this.wrappers]) for (const [id, { untilMs }] of held) if (untilMs <= nowMs) held.delete(id);
  }

  /** Does what writes rows; a content key that was closed meanwhile is no error of the caller's. Error: SERVICE_UNAVAILABLE. */
  async committed<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!isOfClosedKey(error)) throw error;
      this.wrappers.clear();
      throw failure('SERVICE_UNAVAILABLE', 'the content key of the organisation was renewed meanwhile; send it again', {}, error);
    }
  }

  private async ask(tenant: string, id: string, askedAtMs: number): Promise<ContentKeyOpener> {
    const { publicKey, privateKey } = generateSealKeys();
    try {
      const { sealed, openMs } = await this.caller.call(contentKeyCalls.open, { tenant, id, to: publicKey.toString('base64') });
      const opener = new ContentKeyOpener(unseal(sealed, privateKey, openedContentKey(tenant, id)));
      hold(this.opened, id, { opener, untilMs: askedAtMs + Math.min(openMs, contentKeyMsMax) });
      return opener;
    } catch (cause) {
      const error = toldOf(cause, id);
      hold(this.refused, id, { error, untilMs: this.clock.monotonicMs() + refusedMs });
      throw error;
    }
  }

  /** A new one each few minutes; before it is used, rows may refer to its key. */
  private async wrapperOf(tenant: string, { id, key }: { id: string; key: string }): Promise<ContentKeyWrapper> {
    const nowMs = this.clock.monotonicMs();
    const known = this.wrappers.get(id);
    return known && nowMs < known.untilMs ? known.wrapper : once(this.making, id, () => this.makeWrapper(tenant, id, key, nowMs));
  }

  private async makeWrapper(tenant: string, id: string, key: string, nowMs: number): Promise<ContentKeyWrapper> {
    const isOpen = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.know(manager, [{ id, tenant }], this.clock.nowMs());
      return this.store.isOpen(manager, { id, tenant });
    });
    if (!isOpen) throw failure('SERVICE_UNAVAILABLE', 'the content key of the organisation is being renewed; try again shortly, and if that lasts, renew its keys (mizan keys rotate)');
    const wrapper = new ContentKeyWrapper(Buffer.from(key, 'base64'));
    hold(this.wrappers, id, { wrapper, untilMs: nowMs + contentKeyMsMax });
    return wrapper;
  }
}

/** Of what many ask for at a time, one asks. */
function once<T>(asking: Map<string, Promise<T>>, id: string, ask: () => Promise<T>): Promise<T> {
  const asked = asking.get(id) ?? ask().finally(() => asking.delete(id));
  asking.set(id, asked);
  return asked;
}

function hold<T>(held: Map<string, T>, id: string, value: T): void {
  held.delete(id);
  if (held.size >= heldMax) held.delete(held.keys().next().value!);
  held.set(id, value);
}

/** What reading ends with. That the key is not there is no answer that the content is not. */
function toldOf(cause: unknown, id: string): DomainError {
  if (isDomainError(cause, 'NOT_FOUND')) return failure('KMS_REFUSED', `the key over this content is not in governance (content key ${id}: ${cause.message}): restore the database that had it`, {}, cause);
  if (isDomainError(cause, 'KMS_REFUSED') || isDomainError(cause, 'KMS_UNAVAILABLE')) return cause;
  return failure('KMS_UNAVAILABLE', 'governance, which opens the keys over contents, cannot be asked; try again shortly', {}, cause);
}

const isOfClosedKey = (error: unknown): boolean => {
  const { code, constraint } = ((error as { driverError?: unknown }).driverError ?? {}) as { code?: unknown; constraint?: unknown };
  return code === '23503' && typeof constraint === 'string' && constraint.endsWith('_content_key');
};
