import type { Clock, Ids } from '#kernel';
import { failure, grants, operatorRecord, Sealer, sealRecord } from '#protocol';
import type { Action, ContentKind, RecordFields, TenantEntry } from '#protocol';
import type { Recorder } from '../request/record.js';
import { readerOf } from './principal.js';
import type { Principal } from './principal.js';

/** An organisation's data that is read elsewhere than in governance, which records the reading of bodies, searches and exports itself. */
const dataReads: ReadonlySet<Action> = new Set<Action>(['budget.read', 'invoice.read', 'payout.read', 'policy.read', 'key.read', 'webhook.read', 'bucket.read', 'custody.read']);
/** The same reader at the same thing within this time has read it once: pages are read one after the other. */
const alikeMs = 60_000;
/** Reads remembered; beyond it the oldest is an entry again. */
const rememberedMax = 4_096;

/** Which contents that a hold keeps are read: their list, or one of them. */
export type HeldRead = { readonly what: 'held-contents'; readonly kind: ContentKind } | { readonly what: 'held-content'; readonly kind: ContentKind; readonly content: string };

/**
 * Makes it an entry of an organisation's that somebody of another one, the platform's, reads what it spent, owes, allows or is called by. What is
 * read of all organisations at once is an entry of the deployment's, as a search over all of them is: leaving the organisation out leaves no trace out.
 */
export class AdminReads {
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly tenants: { get(tenant: string): TenantEntry | undefined },
    private readonly recorder: Pick<Recorder, 'commit'>,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Whether the read is to be recorded before it is answered. */
  concerns(principal: Principal, action: Action, tenant: string | null): boolean {
    return tenant !== principal.tenant && grants[principal.role].scope === 'any' && dataReads.has(action);
  }

  /** The same of what a hold keeps, whoever of the organisation reads it, and each time: it is evidence. Errors: RECORD_UNAVAILABLE, STARTING. */
  async noteHeld(principal: Principal, read: HeldRead): Promise<void> {
    const entry = this.tenants.get(principal.tenant);
    if (entry === undefined) throw failure('STARTING', 'the organisation of this API key is not known here yet; try again shortly');
    await this.record(principal, entry, { ...read, organisation: principal.tenant });
  }

  /** Resolves when the entry is sure to come. An organisation that does not exist has nothing to read. Error: RECORD_UNAVAILABLE. */
  async note(principal: Principal, action: Action, tenant: string | null): Promise<void> {
    const entry = tenant === null ? null : this.tenants.get(tenant);
    if (entry === undefined) return;
    await this.enter(principal, entry, { what: action, organisation: tenant });
  }

  private async enter(principal: Principal, entry: TenantEntry | null, read: RecordFields): Promise<void> {
    const nowMs = this.clock.nowMs();
    const name = JSON.stringify([principal.keyId, read]);
    if ((this.seen.get(name) ?? -alikeMs) > nowMs - alikeMs) return;
    await this.record(principal, entry, read);
    this.seen.delete(name);
    this.seen.set(name, nowMs);
    if (this.seen.size > rememberedMax) this.seen.delete(this.seen.keys().next().value!);
  }

  private async record(principal: Principal, entry: TenantEntry | null, read: RecordFields): Promise<void> {
    const fields = { actor: { ...readerOf(principal) }, ...read };
    const draft = { id: this.ids.uuid(), type: 'data.read' as const, timeMs: this.clock.nowMs(), fields, facts: null };
    await this.recorder.commit(entry === null ? operatorRecord(draft) : sealRecord(draft, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId)));
  }
}
