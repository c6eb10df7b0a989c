import { randomUUID } from 'node:crypto';
import { Kvm } from '@nats-io/kv';
import { provisionNats } from '#local';
import { Bus, Caller, Replicas, type ReplicaView } from '#messaging';
import { governanceCalls, recordCommit, tenantReplica, type LogRecord, type TenantEntry } from '#protocol';
import { createDataSource, migrate, runService, type RunningService } from '#service';
import { createTestDatabase, testNats, type TestDatabase, type TestNats } from '#testing';
import { governance } from './governance.service-definition.js';
import { generateApiKey } from './keys/api-key.js';

/** The actor of what a test does itself. */
export const nobody = { keyId: null, tenant: null };

/** Asks until it does not throw. Error: the last one. */
export async function eventually<T>(ask: () => T | Promise<T>, withinMs = 60_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 25))) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** Governance on a database and a NATS server of its own, and a gateway's view of it. */
export class GovernanceStack {
  service!: RunningService;

  private constructor(
    readonly database: TestDatabase,
    readonly gateway: Bus,
    readonly caller: Caller,
    /** What gateways know of the organisations. */
    readonly tenants: ReplicaView<TenantEntry>,
    private readonly nats: TestNats,
    private readonly replicas: Replicas,
    private readonly variables: NodeJS.ProcessEnv,
  ) {}

  /** `variables`: besides what every governance needs, or in its place. */
  static async start(variables: NodeJS.ProcessEnv = {}): Promise<GovernanceStack> {
    const [database, nats] = await Promise.all([createTestDatabase({ service: 'governance' }), testNats()]);
    await migrate(governance, database.ownerUrl);
    const all = {
      ...{ NATS_URL: nats.url, NATS_CREDS: nats.credentials.governance, DATABASE_URL: database.url, GOVERNANCE_MASTER_KEY: '5a'.repeat(32), KEY_PEPPER: 'a pepper for tests only' },
      ...{ AUDIT_ORIGIN: 'mizan.test/audit', AUDIT_SIGNING_SEED: '01'.repeat(32), BOOTSTRAP_ADMIN_KEY: generateApiKey(), LOG_LEVEL: 'fatal', ...variables },
    };
    const service = await runService(governance, all);
    const gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
    const replicas = new Replicas(gateway);
    const stack = new GovernanceStack(database, gateway, new Caller(gateway), await replicas.view(tenantReplica), nats, replicas, all);
    stack.service = service;
    return stack;
  }

  /** Starts the service again with another environment. */
  async restart(more: NodeJS.ProcessEnv = {}): Promise<void> {
    await this.service.stop();
    this.service = await runService(governance, { ...this.variables, ...more });
  }

  /** Another service's connection; the caller closes it. */
  connect(name: 'scheduler' | 'settlement' | 'billing'): Promise<Bus> {
    return Bus.connect({ url: this.nats.url, creds: this.nats.credentials[name], name });
  }

  /** As where JetStream is lost: the mark of the highest signed head is gone, until it is provided for again. */
  async loseHeads(): Promise<void> {
    const bus = await Bus.connect({ url: this.nats.url, creds: this.nats.credentials.provision, name: 'provision' });
    await bus.manager.streams.delete('KV_log-heads');
    await bus.close();
  }

  /** With nothing in it, or with this mark. */
  async provideForHeads(mark?: { size: number; root: string; key?: string }): Promise<void> {
    await provisionNats(this.nats.url, this.nats.credentials.provision);
    if (mark === undefined) return;
    const bus = await Bus.connect({ url: this.nats.url, creds: this.nats.credentials.governance, name: 'governance' });
    await (await new Kvm(bus.jetstream).open('log-heads')).put('highest', JSON.stringify(mark));
    await bus.close();
  }

  /** One more beside it, whoever starts it stops it. */
  another(more: NodeJS.ProcessEnv = {}): Promise<RunningService> {
    return runService(governance, { ...this.variables, ...more });
  }

  /** A new organisation, as soon as gateways know it. */
  async bank(): Promise<TenantEntry> {
    const { id } = await this.caller.call(governanceCalls.createOrganisation, { actor: nobody, name: `Bank ${randomUUID()}` });
    return eventually(() => {
      const entry = this.tenants.get(id);
      if (!entry) throw new Error(`gateways do not know the organisation ${id}`);
      return entry;
    });
  }

  /** As a gateway does: at most 64 records. */
  async publish(...records: LogRecord[]): Promise<void> {
    await this.gateway.jetstream.publish('mizan.record.gateway', JSON.stringify(recordCommit.encode({ v: 1, records })), { msgID: randomUUID() });
  }

  async asSuperuser(sql: string, values: unknown[] = []): Promise<unknown[]> {
    const superuser = await createDataSource(this.database.adminUrl, 'governance').initialize();
    return superuser.query<unknown[]>(sql, values).finally(() => superuser.destroy());
  }

  async stop(): Promise<void> {
    this.replicas.stop();
    await this.gateway.close();
    await this.service.stop();
    await Promise.all([this.nats.stop(), this.database.drop()]);
  }
}
