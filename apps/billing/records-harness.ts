import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Ids, MeterPrices } from '#kernel';
import { chargeOf, openRecordBody, recordCommit, signReceipt } from '#protocol';
import type { AdmittedFacts, CompletedFacts, LogRecord, RecordType, SignedReceipt, Usage } from '#protocol';
import type { Books } from './books-harness.js';
import { testTenant } from './books-harness.js';
import { BookingService } from './charges/booking.service.js';
import { BudgetsService } from './budgets/budgets.service.js';
import { LeasesService } from './leases/leases.service.js';
import type { Lease } from './leases/leases.service.js';
import { NodesStore } from './nodes/nodes.store.js';
import { newPriceVersion } from './prices/price.js';
import type { PriceVersion } from './prices/price.js';
import { PriceChanges } from './price-changes/price-changes.service.js';
import { PricesService } from './prices/prices.service.js';
import { PricesStore } from './prices/prices.store.js';

export const requestHash = 'a'.repeat(64);

export interface TestNode {
  readonly id: string;
  readonly offer: string;
  readonly payee: string;
  readonly privateKey: KeyObject;
  readonly publicKey: string;
  readonly price: PriceVersion;
}

/** A market of one tenant with one budget, and nodes with one offer each. */
export interface Market {
  readonly tenant: string;
  readonly project: string;
  readonly sealPrivate: Buffer;
  acquire(gateway: string, needNanos: bigint, demandNanosPerSecond?: bigint, keyId?: string): Promise<Lease>;
  book(...records: LogRecord[]): Promise<void>;
}

/** What the books have written to the log of one type, oldest first: of the deployment itself, or of one organisation, opened. */
export async function logged(books: Pick<Books, 'within'>, type: RecordType, market?: Market): Promise<{ id: string; fields: unknown }[]> {
  const rows = await books.within((manager) => manager.query<{ payload: string }[]>(`SELECT payload FROM billing.outbox WHERE subject = 'mizan.record.billing' ORDER BY id`));
  const records = rows.flatMap(({ payload }) => recordCommit.decode(JSON.parse(payload)).records);
  return records
    .filter((record) => record.type === type && record.tenant === (market?.tenant ?? null))
    .map(({ id, fields, body }) => ({ id, fields: body === null ? fields : openRecordBody(id, type, body, market!.sealPrivate).fields }));
}

/** An organisation with a project and its budget. */
export async function openMarket(books: Books, limitNanos: bigint): Promise<Market> {
  const { entry, sealPrivate, project } = testTenant(books.ids);
  books.tenants.apply(entry.tenant, entry, 1);
  await books.get(BudgetsService).put({ keyId: null, tenant: entry.tenant, project, limitNanos });
  return {
    tenant: entry.tenant,
    project,
    sealPrivate,
    acquire: (gateway, needNanos, demandNanosPerSecond = 0n, keyId) => books.get(LeasesService).acquire({ tenant: entry.tenant, project, keyId, gateway, needNanos, demandNanosPerSecond }),
    book: (...records) => books.get(BookingService).book(records),
  };
}

/** A node that nobody has heard of yet. */
export function newNode(ids: Ids): TestNode {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const [id, offer] = [ids.uuid(), ids.uuid()];
  return {
    id,
    offer,
    payee: `0x${id.replaceAll('-', '')}00000000`,
    privateKey,
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex'),
    price: newPriceVersion(ids.uuid(), offer, { inputNanosPerMillion: 0n, outputNanosPerMillion: 0n }, 0),
  };
}

/** A node that has joined. Its price: `inputNanosPerMillion` nanos per 10⁶ tokens, output free. */
export async function joinNode(books: Pick<Books, 'ids' | 'get' | 'within'>, inputNanosPerMillion = 1_000_000n): Promise<TestNode> {
  const node = newNode(books.ids);
  const price = await books.within(async (manager) => {
    await books.get(NodesStore).enrol(manager, { node: node.id, name: 'node', publicKey: node.publicKey, payoutAddress: node.payee });
    await books.get(PricesService).listAsks(manager, node.id, [{ id: node.offer, model: 'm', inputNanosPerMillion, outputNanosPerMillion: 0n }]);
    return books.get(PricesStore).inForce(manager, node.offer);
  });
  return { ...node, price: price! };
}

/** Another price of an offer, proposed by one person and approved by another. */
export async function changePrice(books: Pick<Books, 'ids' | 'get' | 'within'>, offer: string, prices: MeterPrices): Promise<PriceVersion> {
  const [one, other] = [books.ids.uuid(), books.ids.uuid()].map((keyId) => ({ keyId, tenant: null }));
  const { id, hash } = await books.get(PriceChanges).propose({ actor: one!, id: books.ids.uuid(), offer, note: 'by hand', effectiveFromMs: 0, ...prices });
  await books.get(PriceChanges).approve({ actor: other!, id, hash });
  return (await books.within((manager) => books.get(PricesStore).inForce(manager, offer)))!;
}

export function admittedFacts(ids: Ids, market: Pick<Market, 'tenant' | 'project'>, lease: Lease, node: TestNode, over: Partial<AdmittedFacts> = {}): AdmittedFacts {
  return {
    kind: 'admitted',
    record: ids.uuid(),
    tenant: market.tenant,
    project: market.project,
    keyId: ids.uuid(),
    gateway: 'gateway-1',
    budget: lease.budget,
    lease: lease.lease,
    fence: lease.fence,
    holdNanos: 100n,
    offer: node.offer,
    node: node.id,
    priceVersion: node.price.version,
    policyVersion: 1,
    model: 'm',
    endpoint: 'embeddings',
    dataClass: 'internal',
    requestHash,
    admittedAtMs: 1_767_225_600_000,
    deadlineMs: 1_767_225_600_000 + 120_000,
    ...over,
  };
}

/** The end of an admission: `tokens` of input at the node's price. */
export function completedFacts(admitted: AdmittedFacts, node: TestNode, tokens: number, over: Partial<CompletedFacts> = {}): CompletedFacts {
  const usage: Usage = { inputTokens: tokens, outputTokens: 0 };
  const { record, tenant, project, budget, lease } = admitted;
  return {
    kind: 'completed',
    ...{ record, tenant, project, budget, lease },
    offer: node.offer,
    node: node.id,
    priceVersion: node.price.version,
    outcome: 'ok',
    usage,
    usageSource: 'engine',
    chargeNanos: chargeOf(usage, node.price),
    responseHash: 'b'.repeat(64),
    attempts: [{ offer: node.offer, node: node.id, outcome: 'ok' }],
    receipt: null,
    completedAtMs: admitted.admittedAtMs + 50,
    closedBy: 'gateway',
    ...over,
  };
}

export function signedBy(node: TestNode, admitted: AdmittedFacts, tokens: number, over: { model?: string; requestHash?: string; usage?: Usage } = {}): SignedReceipt {
  return signReceipt(
    {
      v: 1,
      record: admitted.record,
      node: node.id,
      offer: node.offer,
      model: admitted.model,
      endpoint: admitted.endpoint,
      requestHash: admitted.requestHash,
      responseHash: 'b'.repeat(64),
      usage: { inputTokens: tokens, outputTokens: 0 },
      startedAtMs: admitted.admittedAtMs,
      endedAtMs: admitted.admittedAtMs + 40,
      ...over,
    },
    node.privateKey,
  );
}

/** A record as the books see it: its body and envelope are not theirs to read. */
export function recordOf(facts: AdmittedFacts | CompletedFacts, type: RecordType = facts.kind): LogRecord {
  return { v: 1, id: facts.record, type, tenant: facts.tenant, envelope: 'AAAA', body: null, fields: null, facts };
}
