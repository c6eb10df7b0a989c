import { buckets, gatewayPresenceSubject, leaseRecalledSubject, leaseRecallSubject, nodeSubjects, serviceInboxPrefix } from './subjects.js';
import type { BucketName, CredentialName, ServiceName, StreamName } from './subjects.js';

/**
 * Exact NATS allow lists; what is not listed is denied. `responses` lets one answer whatever request it received: the server then remembers the reply subject of every
 * message that it delivers, those of streams too, and looks through all of them at each further one (docs/decisions/80-answers.md). So only those have it whose
 * askers have no inbox that could be listed, and who take little from streams.
 */
export interface NatsPermissions {
  publish: string[];
  subscribe: string[];
  responses: boolean;
}

/** Which service calls which: the rest of the RPC space is closed to it. */
const calls: Record<ServiceName, readonly ServiceName[]> = {
  gateway: ['scheduler', 'billing', 'governance', 'settlement'],
  scheduler: ['billing', 'settlement'],
  billing: ['settlement'],
  governance: [],
  settlement: ['billing', 'governance'],
};

/** Durable consumers by name: a service can neither read, acknowledge nor delete another's. */
const consumes: Record<ServiceName, Partial<Record<StreamName, readonly string[]>>> = {
  gateway: {},
  scheduler: { EVENTS: ['scheduler-person-erased'] },
  billing: {
    RECORDS: ['billing-records'],
    EVENTS: ['billing-datasets-used', 'billing-node-enrolled', 'billing-node-revoked', 'billing-deposit-confirmed', 'billing-deposit-reversed', 'billing-deposit-withdrawn', 'billing-epoch-settled', 'billing-withdrawal-confirmed', 'billing-x402-settled', 'billing-wallet-moved', 'billing-work-verified'],
    RECEIPTS: ['billing-receipts'],
  },
  governance: { RECORDS: ['governance-log'] },
  settlement: { EVENTS: ['settlement-node-enrolled'] },
};

const reads: Record<ServiceName, readonly BucketName[]> = {
  gateway: ['keys', 'tenants', 'policies', 'limits', 'aliases', 'offers', 'prices', 'exposures'],
  scheduler: ['tenants'],
  billing: ['tenants', 'limits', 'prices', 'offers'],
  governance: ['offers', 'prices'],
  settlement: ['tenants'],
};

const extra: Record<ServiceName, { publish: string[]; subscribe: string[] }> = {
  // It sees how often the stream of records is kept before it says so in one, and answers billing's recalls.
  gateway: {
    publish: ['node.*.down.session', 'node.*.down.frame.>', gatewayPresenceSubject, '$JS.API.STREAM.INFO.RECORDS', leaseRecalledSubject('*')],
    subscribe: ['node.*.up.frame.>', gatewayPresenceSubject, leaseRecallSubject('*')],
  },
  // Of governance it may ask what is held, before it destroys a key; and it alone opens the keys over contents.
  scheduler: { publish: ['mizan.rpc.governance.retention.live-holds', 'mizan.named.governance.content-keys.*'], subscribe: [nodeSubjects.heartbeats] },
  // Of governance it may ask for ended records alone: the books must not be able to make keys.
  billing: { publish: ['node.*.down.settled', leaseRecallSubject('*'), 'mizan.rpc.governance.records.ends', 'mizan.rpc.governance.records.ended'], subscribe: [leaseRecalledSubject('*')] },
  governance: { publish: [], subscribe: ['mizan.named.governance.>'] },
  settlement: { publish: ['node.*.down.statement', 'node.*.down.exposure'], subscribe: [nodeSubjects.statementsAsked] },
};

/** Services that nodes ask: an inbox of a node cannot be listed. */
const askedByNodes: readonly ServiceName[] = ['settlement'];

/** Where the answers of a service go: the inboxes of the services that may call it. */
const answersOf = (name: ServiceName): string[] => {
  const asks = (caller: ServiceName): boolean => calls[caller].includes(name) || extra[caller].publish.some((subject) => subject.startsWith(`mizan.rpc.${name}.`));
  return (Object.keys(calls) as ServiceName[]).filter(asks).map((caller) => `${serviceInboxPrefix(caller)}.>`);
};

/** The JetStream API of one durable consumer: make it, pull, acknowledge; and its stream's state. */
const durableAccess = (stream: string, durable: string): string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.${durable}`,
  `$JS.API.CONSUMER.CREATE.${stream}.${durable}.>`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${durable}`,
  `$JS.API.CONSUMER.INFO.${stream}.${durable}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
  `$JS.ACK.${stream}.${durable}.>`,
];

/** Watching a bucket makes short-lived consumers with random names. */
const bucketAccess = (bucket: string): string[] => [
  `$JS.API.STREAM.INFO.KV_${bucket}`,
  `$JS.API.CONSUMER.CREATE.KV_${bucket}`,
  `$JS.API.CONSUMER.CREATE.KV_${bucket}.>`,
  `$JS.API.CONSUMER.INFO.KV_${bucket}.>`,
  `$JS.API.CONSUMER.DELETE.KV_${bucket}.>`,
  `$JS.FC.KV_${bucket}.>`,
  `$JS.API.DIRECT.GET.KV_${bucket}`,
  `$JS.API.DIRECT.GET.KV_${bucket}.>`,
  `$JS.API.STREAM.MSG.GET.KV_${bucket}`,
];

/** The allow list of a service or operational credential. Nobody gets `>`. */
export function credentialPermissions(name: CredentialName): NatsPermissions {
  const inbox = `${serviceInboxPrefix(name)}.>`;
  if (name === 'provision') {
    return { publish: ['$JS.API.>'], subscribe: [inbox], responses: false };
  }
  if (name === 'verify') {
    return { publish: ['$JS.API.INFO', '$JS.API.STREAM.INFO.*', '$JS.API.CONSUMER.LIST.*', '$JS.API.CONSUMER.INFO.*.*'], subscribe: [inbox], responses: false };
  }
  const owned = buckets.filter((bucket) => bucket.owner === name).map((bucket) => bucket.name);
  const read = new Set<string>([...reads[name], ...owned]);
  return {
    publish: [
      '$JS.API.INFO',
      ...calls[name].map((service) => `mizan.rpc.${service}.>`),
      `mizan.record.${name}`,
      `mizan.event.${name}.>`,
      ...Object.entries(consumes[name]).flatMap(([stream, durables]) => durables.flatMap((durable) => durableAccess(stream, durable))),
      ...[...read].flatMap(bucketAccess),
      ...owned.map((bucket) => `$KV.${bucket}.>`),
      ...extra[name].publish,
      ...answersOf(name),
    ],
    subscribe: [inbox, `mizan.rpc.${name}.>`, ...extra[name].subscribe],
    responses: askedByNodes.includes(name),
  };
}

/** The allow list of a provider's node: its own subjects and inbox, nothing of JetStream. */
export function nodePermissions(node: string): NatsPermissions {
  return {
    publish: [nodeSubjects.up(node)],
    subscribe: [nodeSubjects.down(node), `${nodeSubjects.inboxPrefix(node)}.>`],
    responses: true,
  };
}

