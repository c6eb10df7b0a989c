import { Clock, Ids } from '#kernel';
import { generateSealKeys, openRecordBody, recordCommit } from '#protocol';
import type { AliasEntry, ExposureEntry, KeyEntry, LimitEntry, LimitScope, LogRecord, OfferEntry, PolicyEntry, PriceEntry, TenantEntry, TrafficLimits } from '#protocol';
import { marketOffer } from './market/market-offer.js';
import type { MarketOffer } from './market/market-offer.js';
import { Replicated } from './replicated.js';
import type { View } from './replicated.js';
import { CommitLog } from './request/group-commit.js';
import type { InferenceJob } from './request/inference-job.js';

/** Example values for the gateway's tests. */
export const uuidOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** A view that a test writes to. */
export class MemoryView<T> implements View<T> {
  revision = 0;
  private readonly listeners: ((key: string | null) => void)[] = [];

  constructor(private readonly values = new Map<string, T>()) {}

  get = (key: string): T | undefined => this.values.get(key);
  entries = (): ReadonlyMap<string, T> => this.values;
  onChange = (listener: (key: string | null) => void): void => void this.listeners.push(listener);

  put(key: string, value: T | undefined): void {
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
    this.revision += 1;
    for (const listener of this.listeners) listener(key);
  }
}

export class ManualClock extends Clock {
  constructor(public ms = 1_700_000_000_000) {
    super();
  }
  nowMs = (): number => this.ms;
  monotonicMs = (): number => this.ms;
}

export class CountingIds extends Ids {
  private next = 0x1000;
  uuid = (): string => uuidOf((this.next += 1));
}

export const sealKeys = generateSealKeys();
export const tenant: TenantEntry = {
  tenant: uuidOf(1),
  name: 'Rhein Bank',
  pseudonym: 'ab'.repeat(32),
  sealKey: sealKeys.publicKey.toString('base64'),
  sealKeyId: uuidOf(2),
  projects: [{ id: uuidOf(3), name: 'mail', defaultClass: 'internal' }],
};

export function offerEntry(n: number, changes: Partial<OfferEntry> = {}): OfferEntry {
  return {
    id: uuidOf(0x100 + n),
    node: uuidOf(0x200 + n),
    nodeName: `node-${n}`,
    network: 'mizan',
    model: 'embed',
    endpoints: ['embeddings'],
    region: 'eu-frankfurt',
    country: 'DE',
    jurisdiction: 'EU',
    evidence: 'contract',
    isolation: 'none',
    publicKey: 'cd'.repeat(32),
    capacity: 2,
    state: 'up',
    changedAtMs: 1,
    publicUrl: null,
    ...changes,
  };
}

export function priceEntry(n: number, inputNanosPerMillion = 20_000_000n): PriceEntry {
  return { offer: uuidOf(0x100 + n), version: uuidOf(0x300 + n), currency: 'USD', inputNanosPerMillion, outputNanosPerMillion: 0n, hash: 'ef'.repeat(32), validFromMs: 1_700_000_000_000 };
}

export const exampleOffer = (n: number, changes: Partial<OfferEntry> = {}, price = 20_000_000n): MarketOffer => marketOffer(offerEntry(n, changes), priceEntry(n, price));

export const permitAll = '@id("all") @reason("Anything goes.") permit(principal, action, resource);';

export const limitEntry = (scope: LimitScope, subject: string, limits: Partial<TrafficLimits>): LimitEntry => ({
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrentRequests: null,
  models: null,
  cacheSeconds: null,
  answers: null,
  spend: null,
  semanticCache: null,
  hedge: null,
  responseSeconds: null,
  ...limits,
  tenant: tenant.tenant,
  scope,
  subject,
  changedAtMs: 1,
});

export class ExampleWorld {
  readonly keys = new MemoryView<KeyEntry>();
  readonly tenants = new MemoryView<TenantEntry>(new Map([[tenant.tenant, tenant]]));
  readonly policies = new MemoryView<PolicyEntry>();
  readonly offers = new MemoryView<OfferEntry>();
  readonly prices = new MemoryView<PriceEntry>();
  readonly limits = new MemoryView<LimitEntry>();
  readonly aliases = new MemoryView<AliasEntry>();
  readonly exposures = new MemoryView<ExposureEntry>();
  readonly replicated = new Replicated(this.keys, this.tenants, this.policies, this.offers, this.prices, this.limits, this.aliases, this.exposures);

  offer(n: number, changes: Partial<OfferEntry> = {}, price = 20_000_000n): void {
    this.prices.put(uuidOf(0x100 + n), priceEntry(n, price));
    this.offers.put(uuidOf(0x100 + n), offerEntry(n, changes));
  }

  limit(scope: LimitScope, subject: string, limits: Partial<TrafficLimits>): void {
    this.limits.put(subject, limitEntry(scope, subject, limits));
  }

  alias(alias: string, ...models: string[]): void {
    this.aliases.put(tenant.tenant, { tenant: tenant.tenant, aliases: [{ alias, models }], changedAtMs: 1 });
  }

  policy(text: string, version = 1): void {
    this.policies.put(tenant.tenant, { tenant: tenant.tenant, version, hash: '12'.repeat(32), text, publishedAtMs: 1 });
  }
}

export function exampleJob(changes: Partial<InferenceJob> = {}): InferenceJob {
  return {
    id: uuidOf(0x999),
    endpoint: 'embeddings',
    model: 'embed',
    keyId: uuidOf(4),
    role: 'developer',
    tenant,
    project: tenant.projects[0]!,
    declared: { dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] },
    body: Buffer.from('{"model":"embed","input":"hello"}'),
    texts: ['hello'],
    bound: { inputTokens: 100, outputTokens: 0 },
    adapt: (answer) => answer,
    signal: new AbortController().signal,
    ...changes,
  };
}

/** A stream in memory that can be down, slow or silent. */
export class MemoryLog extends CommitLog {
  readonly commits: { id: string; records: LogRecord[]; bytes: number }[] = [];
  available = true;
  failNext = 0;
  beforeAck: () => Promise<void> = () => Promise.resolve();

  isAvailable = (): boolean => this.available;

  async append(commit: Uint8Array, id: string): Promise<void> {
    await this.beforeAck();
    if (!this.available || this.failNext-- > 0) throw new Error('no acknowledgement');
    this.commits.push({ id, records: recordCommit.decode(JSON.parse(Buffer.from(commit).toString()) as never).records, bytes: commit.length });
  }

  /** Of requests; what they chose among is beside them. */
  get records(): LogRecord[] {
    return this.commits.flatMap(({ records }) => records).filter(({ type }) => type !== 'offers.seen');
  }

  get offersSeen(): LogRecord[] {
    return this.commits.flatMap(({ records }) => records).filter(({ type }) => type === 'offers.seen');
  }

  fields(type: LogRecord['type']): Record<string, unknown> {
    const record = this.records.find((candidate) => candidate.type === type);
    if (!record?.body) throw new Error(`no ${type} record`);
    return openRecordBody(record.id, record.type, record.body, sealKeys.privateKey).fields;
  }
}
