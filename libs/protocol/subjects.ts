/** The processes that hold NATS credentials of their own. */
export const services = ['gateway', 'scheduler', 'billing', 'governance', 'settlement'] as const;
export type ServiceName = (typeof services)[number];

/** Operational identities beside the services: one creates streams, one only reads their state. */
export type CredentialName = ServiceName | 'provision' | 'verify';
export const credentialNames: readonly CredentialName[] = [...services, 'provision', 'verify'];

const hour = 3_600_000;
const day = 24 * hour;

/**
 * Durable streams. `maxAgeMs` bounds what a consumer that is away may miss; the books and the log keep everything.
 * `duplicateWindowMs` only saves work: the inbox row in the effect's own transaction is the guarantee.
 * `acknowledges`: whether JetStream answers a publication. It does so with the server's own rights, on whatever subject the
 * publisher named for the reply (`$JS.API.STREAM.PURGE.…`, `$KV.…`): never on a stream that strangers publish to.
 */
export const streams = [
  /** Decision records in group commits: gateway → governance (log) and billing (books). */
  { name: 'RECORDS', subjects: ['mizan.record.>'], maxAgeMs: 30 * day, duplicateWindowMs: 120_000, acknowledges: true, messageBytesMax: -1, messagesPerSubjectMax: -1 },
  /** Facts between services, published from outboxes. */
  { name: 'EVENTS', subjects: ['mizan.event.>'], maxAgeMs: 30 * day, duplicateWindowMs: 120_000, acknowledges: true, messageBytesMax: -1, messagesPerSubjectMax: -1 },
  /**
   * Receipts signed by nodes: each node may publish only on its own subject. Message ids are compared over the whole stream, so the
   * window is the shortest there is: a node must not make another's receipt look like a duplicate. A node that floods loses its own
   * oldest, 200,000 × at most 8 KiB = 1.6 GiB, and fills no disk that others need.
   */
  { name: 'RECEIPTS', subjects: ['node.*.up.receipt'], maxAgeMs: 30 * day, duplicateWindowMs: 100, acknowledges: false, messageBytesMax: 8 * 1024, messagesPerSubjectMax: 200_000 },
] as const;
export type StreamName = (typeof streams)[number]['name'];

/** Replicated state, one JetStream key-value bucket each, written by one service only. */
export const buckets = [
  { name: 'keys', owner: 'governance' },
  { name: 'tenants', owner: 'governance' },
  { name: 'policies', owner: 'governance' },
  { name: 'limits', owner: 'governance' },
  { name: 'aliases', owner: 'governance' },
  /** One key: the highest head of the audit log that was signed. */
  { name: 'log-heads', owner: 'governance' },
  { name: 'offers', owner: 'scheduler' },
  { name: 'prices', owner: 'billing' },
  { name: 'exposures', owner: 'settlement' },
  /** Requests with an `Idempotency-Key`, of all gateways; 256 MiB of answers at most, each sealed by its caller's own secret. */
  { name: 'claims', owner: 'gateway', maxAgeMs: hour, bytesMax: 256 * 1024 * 1024 },
] as const satisfies readonly { name: string; owner: ServiceName; maxAgeMs?: number; bytesMax?: number }[];
export type BucketName = (typeof buckets)[number]['name'];

/** Subjects of one node. Down = towards the node; up = from the node. */
export const nodeSubjects = {
  /** Gateway → node: opens a sealed session (request/reply). */
  session: (node: string) => `node.${node}.down.session`,
  /** Gateway → node: frames of a session. */
  frames: (node: string, session: string) => `node.${node}.down.frame.${session}`,
  /** Node → gateway: frames of a session; a gateway subscribes to `node.*.up.frame.<gateway>.>`. */
  answers: (node: string, gateway: string, session: string) => `node.${node}.up.frame.${gateway}.${session}`,
  answersTo: (gateway: string) => `node.*.up.frame.${gateway}.>`,
  /** Node → scheduler, every `heartbeatMs`. */
  heartbeat: (node: string) => `node.${node}.up.heartbeat`,
  heartbeats: 'node.*.up.heartbeat',
  /** Node → RECEIPTS stream. */
  receipt: (node: string) => `node.${node}.up.receipt`,
  /** Billing → node: these receipts are settled on chain and may be forgotten. */
  settled: (node: string) => `node.${node}.down.settled`,
  /** Node → settlement, request: the next signed statement that pays the node's payee. */
  statements: (node: string) => `node.${node}.up.statements`,
  statementsAsked: 'node.*.up.statements',
  /** Settlement → node: there is a new statement to ask for. */
  statementSigned: (node: string) => `node.${node}.down.statement`,
  /** Settlement → node: what its payee holds in unsettled receipts against each payer's deposit. */
  exposure: (node: string) => `node.${node}.down.exposure`,
  down: (node: string) => `node.${node}.down.>`,
  up: (node: string) => `node.${node}.up.>`,
  inboxPrefix: (node: string) => `_INBOX_${node}`,
} as const;

/** Gateways hear of each other here, so that each enforces its share of a limit. Not durable: silence means gone. */
export const gatewayPresenceSubject = 'mizan.gateway.presence';

/** Billing → one gateway, request: what it holds of a budget and does not need (`leaseRecall`). Nobody answers for a gateway that is gone. */
export const leaseRecallSubject = (gateway: string): string => `mizan.gateway.recall.${gateway}`;

/** Where the answer to one recall goes: gateways may write here and into no inbox. */
export const leaseRecalledSubject = (recall: string): string => `mizan.gateway.recalled.${recall}`;

/** Inbox prefix of a service's replies, so that no other credential can listen to them. */
export const serviceInboxPrefix = (name: CredentialName): string => `_INBOX_${name}`;

export const rpcSubject = (service: ServiceName, name: string): string => `mizan.rpc.${service}.${name}`;

/** Calls that no service may make by being let to call the other's in general: each caller is named (docs/decisions/84-content-keys.md). */
export const namedRpcSubject = (service: ServiceName, name: string): string => `mizan.named.${service}.${name}`;
