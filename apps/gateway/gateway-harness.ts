import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { Controller, Module } from '@nestjs/common';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { Kvm } from '@nats-io/kv';
import { z } from 'zod';
import type { MeterNanos } from '#kernel';
import { Bus, Serve } from '#messaging';
import { agreementCalls, aliasReplica, billingCalls, erasureCalls, failure, generateSealKeys, governanceCalls, keyReplica, leaseRecall, leaseRecalledSubject, leaseRecallSubject, limitReplica, limits, nodeSubjects, offerReplica, policyReplica, priceReplica, recordCommit, tenantReplica } from '#protocol';
import type { CredentialName, LimitScope, LogRecord, ModelAlias, Replica, ReplyOf, RequestOf, Role, TrafficLimits, UsedLease, ValueOf } from '#protocol';
import { defineService, runService } from '#service';
import type { RunningService } from '#service';
import { HttpDoor, NodeServer } from '#wire';
import type { NodeJobHandler, NodeJobInput, NodeJobOutput } from '#wire';
import { limitEntry, offerEntry, permitAll, priceEntry, tenant, uuidOf } from './examples.js';
import { gateway } from './gateway.service-definition.js';
import { Replicated } from './replicated.js';

const pepper = 'a pepper for integration tests';

/** The key of everybody whom data is about. */
export const personKeys = generateSealKeys();

/** What remains of the one budget; the real one is billing's and is tested there. */
export class Purse {
  availableNanos = 10n ** 12n;
  released = 0;
}

@Controller()
class PurseRpc {
  constructor(private readonly purse: Purse) {}

  @Serve(billingCalls.acquireLease)
  acquire({ needNanos }: RequestOf<typeof billingCalls.acquireLease>): ReplyOf<typeof billingCalls.acquireLease> {
    if (this.purse.availableNanos < needNanos) throw failure('BUDGET_EXHAUSTED', 'the budget is spent');
    // As generous as billing to a busy project: enough for the next requests too, while it lasts.
    const wanted = needNanos * 100n;
    const amountNanos = wanted < this.purse.availableNanos ? wanted : this.purse.availableNanos;
    this.purse.availableNanos -= amountNanos;
    return { lease: uuidOf(0x50), budget: uuidOf(0x51), amountNanos, fence: 1, ttlMs: limits.leaseTtlMs };
  }

  /** No agreement. */
  @Serve(agreementCalls.ahead)
  ahead(): ReplyOf<typeof agreementCalls.ahead> {
    return { agreement: null, tiers: [], usedNanos: 0n };
  }

  @Serve(billingCalls.releaseLease)
  release(): { released: boolean } {
    this.purse.released += 1;
    return { released: true };
  }
}

@Module({ controllers: [PurseRpc], providers: [Purse] })
class PurseModule {}

@Controller()
class OrganisationsRpc {
  @Serve(governanceCalls.getOrganisation)
  get({ tenant: id }: RequestOf<typeof governanceCalls.getOrganisation>): ReplyOf<typeof governanceCalls.getOrganisation> {
    return { id, name: tenant.name, pseudonym: tenant.pseudonym, createdAtMs: 1 };
  }

  @Serve(erasureCalls.personKey)
  key(): ReplyOf<typeof erasureCalls.personKey> {
    return { keyId: uuidOf(0x60), publicKey: personKeys.publicKey.toString('base64') };
  }

  @Serve(erasureCalls.erase)
  erase({ tenant: of, person, basis, reference }: RequestOf<typeof erasureCalls.erase>): ReplyOf<typeof erasureCalls.erase> {
    return { id: uuidOf(0x61), tenant: of, person, basis, reference, requestedAtMs: 1, erasedAtMs: 1, personKey: uuidOf(0x60), searchRows: 0 };
  }

  @Serve(governanceCalls.createOrganisation)
  create(): never {
    throw failure('CONFLICT', 'there is an organisation of this name already');
  }
}

@Module({ controllers: [OrganisationsRpc] })
class OrganisationsModule {}

/** A real NATS server with the protocol's streams, buckets and credentials. */
export interface BusServer {
  readonly url: string;
  readonly credentials: Readonly<Record<CredentialName, string>>;
  nodeCredentials(node: string): Promise<string>;
}

/** A gateway on a real bus with real replicas, streams and nodes; billing and governance answer only what the gateway asks. */
export class GatewayStack<Gateway extends Pick<RunningService, 'url' | 'stop'> = RunningService> {
  readonly records: LogRecord[] = [];
  private stopping: Promise<void> | undefined;
  private unfollow: (() => void) | undefined;
  private readonly closers: (() => Promise<unknown> | void)[] = [];

  private constructor(
    readonly nats: BusServer,
    readonly gateway: Gateway,
    readonly purse: Purse,
    private readonly buses: Map<string, Bus>,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  get url(): string {
    return this.gateway.url;
  }

  static start(nats: BusServer, env: NodeJS.ProcessEnv = {}): Promise<GatewayStack> {
    return GatewayStack.around(nats, env, (environment) => runService(gateway, environment));
  }

  /** The same around a gateway that is started some other way. */
  static async around<Gateway extends Pick<RunningService, 'url' | 'stop'>>(nats: BusServer, env: NodeJS.ProcessEnv, launch: (environment: NodeJS.ProcessEnv) => Promise<Gateway>): Promise<GatewayStack<Gateway>> {
    const common = (name: 'gateway' | 'billing' | 'governance'): NodeJS.ProcessEnv => ({ NATS_URL: nats.url, NATS_CREDS: nats.credentials[name], LOG_LEVEL: 'fatal' });
    const stub = (name: 'billing' | 'governance', module: new () => object) => runService(defineService({ name, config: z.object({}), module: () => module, migrations: [], http: 'internal' }), common(name));
    const buses = new Map<string, Bus>();
    for (const name of ['governance', 'scheduler', 'billing'] as const) buses.set(name, await Bus.connect({ url: nats.url, creds: nats.credentials[name], name }));
    await put(buses.get('governance')!, tenantReplica, tenant.tenant, { ...tenant, personSalt: Buffer.alloc(32, 7).toString('base64') });
    await put(buses.get('governance')!, policyReplica, tenant.tenant, { tenant: tenant.tenant, version: 1, hash: '12'.repeat(32), text: permitAll, publishedAtMs: 1 });
    const stubs = [await stub('billing', PurseModule), await stub('governance', OrganisationsModule)];
    const environment = { ...common('gateway'), KEY_PEPPER: pepper, PLACEMENT_WAIT_MS: '2000', ...env };
    const running = await launch(environment);
    const stack = new GatewayStack(nats, running, stubs[0]!.app.get(Purse, { strict: false }), buses, environment);
    stack.closers.push(...stubs.map((service) => () => service.stop()));
    await stack.followRecords();
    return stack;
  }

  async stop(): Promise<void> {
    await this.stopGateway();
    for (const close of this.closers.reverse()) await close();
    for (const bus of this.buses.values()) await bus.close();
  }

  /** Another gateway on the same bus; stopped with the stack. */
  async another(env: NodeJS.ProcessEnv = {}): Promise<RunningService> {
    const service = await runService(gateway, { ...this.environment, ...env });
    this.closers.push(() => service.stop());
    return service;
  }

  /** As at SIGTERM; once. */
  stopGateway(): Promise<void> {
    return (this.stopping ??= this.gateway.stop());
  }

  /** A key of the bank's, told from others by `text`; the gateway knows it when this resolves. */
  async key(text: string, role: Role = 'developer', project: string | null = uuidOf(3), n = 4): Promise<string> {
    const key = `mzn_${text.padEnd(40, '0')}`;
    const hash = hashOf(key);
    await put(this.buses.get('governance')!, keyReplica, hash, { hash, keyId: uuidOf(n), tenant: tenant.tenant, project, role, expiresAtMs: null });
    await eventually(async () => (await fetch(`${this.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
    return key;
  }

  /** All that a bucket holds, as text by key. */
  async bucket(name: string): Promise<Record<string, string>> {
    const connection = await connect({ servers: this.nats.url, authenticator: credsAuthenticator(Buffer.from(this.nats.credentials.gateway)), inboxPrefix: '_INBOX_gateway' });
    try {
      const bucket = await new Kvm(connection).open(name);
      const held: Record<string, string> = {};
      for await (const key of await bucket.keys()) held[key] = (await bucket.get(key))?.string() ?? '';
      return held;
    } finally {
      await connection.close();
    }
  }

  async revoke(key: string): Promise<void> {
    await (await new Kvm(this.buses.get('governance')!.jetstream).open('keys')).delete(hashOf(key));
  }

  async policy(text: string, version: number): Promise<void> {
    await this.told('policies', await put(this.buses.get('governance')!, policyReplica, tenant.tenant, { tenant: tenant.tenant, version, hash: '12'.repeat(32), text, publishedAtMs: 1 }));
  }

  /** Limits of the bank, one of its projects or keys. */
  async limit(scope: LimitScope, subject: string, limits: Partial<TrafficLimits>): Promise<void> {
    await this.told('limits', await put(this.buses.get('governance')!, limitReplica, subject, limitEntry(scope, subject, limits)));
  }

  async unlimit(subject: string): Promise<void> {
    await (await new Kvm(this.buses.get('governance')!.jetstream).open('limits')).delete(subject);
  }

  async aliases(aliases: ModelAlias[]): Promise<void> {
    await this.told('aliases', await put(this.buses.get('governance')!, aliasReplica, tenant.tenant, { tenant: tenant.tenant, aliases, changedAtMs: 1 }));
  }

  /** The same, called straight at a door of its own. */
  async directNode(n: number, handler: NodeJobHandler, offer: Partial<ValueOf<typeof offerReplica>> = {}, url = (port: number) => `http://127.0.0.1:${port}`): Promise<{ door: HttpDoor; connection: NatsConnection; seen: string[] }> {
    const door = await HttpDoor.listen('127.0.0.1', 0);
    this.closers.push(() => door.close());
    const seen: string[] = [];
    const connection = await this.node(n, handler, { ...offer, publicUrl: url(door.port) }, undefined, (server) => {
      // Says what came in at the door.
      const deliver = server.deliver.bind(server);
      server.deliver = (session, message) => (seen.push(session), deliver(session, message));
      door.serve(server);
    });
    return { door, connection, seen };
  }

  /** A real node on its own credential, with its offer on the market. */
  async node(n: number, handler: (job: NodeJobInput, signal: AbortSignal) => Promise<NodeJobOutput>, offer: Partial<ValueOf<typeof offerReplica>> = {}, price?: bigint, served: (server: NodeServer) => void = () => undefined): Promise<NatsConnection> {
    const entry = offerEntry(n, offer);
    const identity = generateKeyPairSync('ed25519');
    const publicKey = identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    const credentials = await this.nats.nodeCredentials(entry.node);
    const connection = await connect({ servers: this.nats.url, authenticator: credsAuthenticator(Buffer.from(credentials)), inboxPrefix: nodeSubjects.inboxPrefix(entry.node) });
    const server = NodeServer.connect(connection, { node: entry.node, identity: identity.privateKey, handler, admit: () => undefined, keepReceipt: () => Promise.resolve() });
    served(server);
    this.closers.push(async () => {
      server.close();
      await connection.close();
    });
    await this.offer(n, { ...offer, publicKey }, price);
    await connection.flush();
    return connection;
  }

  /** An offer on the market, whoever serves it. */
  async offer(n: number, offer: Partial<ValueOf<typeof offerReplica>>, price?: bigint, meters?: MeterNanos): Promise<void> {
    const entry = offerEntry(n, offer);
    await this.told('prices', await put(this.buses.get('billing')!, priceReplica, entry.id, { ...priceEntry(n, price), ...(meters && { meters }) }));
    await this.told('offers', await put(this.buses.get('scheduler')!, offerReplica, entry.id, entry));
  }

  /** Resolves when the gateway has heard of a change, unless it has stopped or is a process of its own. */
  private async told(of: 'policies' | 'limits' | 'aliases' | 'prices' | 'offers', revision: number): Promise<void> {
    const { app } = this.gateway as Partial<RunningService>;
    const copy = app?.get(Replicated, { strict: false })[of];
    await eventually(() => copy === undefined || this.stopping !== undefined || copy.revision >= revision);
  }

  /** Asks a gateway, as billing does, for what it holds of the bank's money and does not need. */
  async recall(gateway: string): Promise<readonly UsedLease[]> {
    const to = { noMux: true, reply: leaseRecalledSubject(randomUUID()), timeout: 10_000 };
    const answer = await this.buses.get('billing')!.connection.request(leaseRecallSubject(gateway), JSON.stringify({ tenant: tenant.tenant, budget: null }), to);
    return leaseRecall.reply.parse(answer.json()).leases;
  }

  /** Keeps no more records: a long run would not fit in memory. */
  forgetRecords(): void {
    this.unfollow?.();
    this.records.length = 0;
  }

  private async followRecords(): Promise<void> {
    const { manager, jetstream } = this.buses.get('governance')!;
    await manager.consumers.add('RECORDS', { durable_name: 'governance-log', ack_policy: 'none' });
    const messages = await (await jetstream.consumers.get('RECORDS', 'governance-log')).consume();
    this.unfollow = () => messages.stop();
    this.closers.push(() => messages.stop());
    void (async () => {
      for await (const message of messages) this.records.push(...recordCommit.decode(message.json()).records);
    })();
  }
}

/** Waits until something holds. */
export async function eventually(check: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await check())) {
    if (Date.now() > endMs) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const hashOf = (key: string): string => createHmac('sha256', pepper).update(key).digest('hex');

/** Returns the revision that it has. */
async function put<R extends Replica>(bus: Bus, replica: R, key: string, value: ValueOf<R>): Promise<number> {
  const bucket = await new Kvm(bus.jetstream).open(replica.bucket);
  return bucket.put(key, JSON.stringify(z.encode(replica.value, value)));
}
