import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInbox, headers } from '@nats-io/transport-node';
import { Bus, Caller } from '#messaging';
import { baseEnvironment, withClient } from '#local';
import type { Running } from '#local';
import { generateSealKeys, recordCommit, Sealer, sealRecord, type LogRecord } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { databaseOn, launchKept, ownPostgres, testNats, type OwnPostgres, type TestDatabase, type TestNats } from '#testing';
import { SystemClock, SystemIds } from '#kernel';
import { governance } from '../../apps/governance/governance.service-definition.js';
import { generateApiKey } from '../../apps/governance/keys/api-key.js';
import { newPseudonym } from '../../apps/governance/organisations/organisation.js';

const program = join(import.meta.dirname, '../../dist/apps/governance/main.js');

/** Governance as processes of its own over a Postgres and a NATS of their own, and somebody who publishes records. */
export class LogStack {
  readonly caller: Caller;
  private readonly ids = new SystemIds(new SystemClock());
  private readonly sealers = new Map<string, Sealer>();
  private readonly adminKey = generateApiKey();
  private started = 0;

  private constructor(
    readonly postgres: OwnPostgres,
    readonly database: TestDatabase,
    readonly nats: TestNats,
    private readonly bus: Bus,
    private readonly tenants: readonly { readonly tenant: string; readonly pseudonym: string }[],
  ) {
    this.caller = new Caller(bus);
    for (const { tenant } of tenants) this.sealers.set(tenant, new Sealer(generateSealKeys().publicKey, randomUUID()));
  }

  static async start({ durable = false, tenants = 4 }: { durable?: boolean; tenants?: number } = {}): Promise<LogStack> {
    if (!existsSync(program)) throw new Error(`${program} is not there: run npm run build`);
    const [postgres, nats] = await Promise.all([ownPostgres({ durable }), testNats()]);
    const database = await databaseOn(postgres, 'governance');
    await migrate(governance, database.ownerUrl);
    const organisations = Array.from({ length: tenants }, () => ({ tenant: randomUUID(), pseudonym: newPseudonym() }));
    const source = await createDataSource(database.url, 'governance').initialize();
    for (const { tenant, pseudonym } of organisations) {
      await withTenant(source, '*', (manager) => manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, $2, $3, 0)', [tenant, `Bank ${tenant}`, pseudonym]));
    }
    await source.destroy();
    const creds = await nats.credentialsWith('producer', { publish: ['>'], subscribe: ['>'], responses: true });
    return new LogStack(postgres, database, nats, await Bus.connect({ url: nats.url, creds, name: 'gateway' }), organisations);
  }

  /** One more governance process. It ends with this one. */
  sequencer(): Promise<Running> {
    this.started += 1;
    const env = {
      ...baseEnvironment(),
      NATS_URL: this.nats.url,
      NATS_CREDS: this.nats.credentialFiles.governance,
      DATABASE_URL: this.database.url,
      GOVERNANCE_MASTER_KEY: '5a'.repeat(32),
      KEY_PEPPER: 'a pepper for the tests of the log',
      AUDIT_ORIGIN: 'mizan.test/audit',
      AUDIT_SIGNING_SEED: '5b'.repeat(32),
      BOOTSTRAP_ADMIN_KEY: this.adminKey,
      LOG_LEVEL: 'fatal',
    };
    return launchKept(join(process.cwd(), '.mizan/test/sequencers'))({ name: `sequencer-${process.pid}-${this.started}`, command: process.execPath, args: [program], env });
  }

  /** Tenant of the organisation number `at`. */
  tenant(at: number): string {
    return this.tenants[at % this.tenants.length]!.tenant;
  }

  /** A record with a sealed body; envelope and body are together about 600 bytes. With an id: the end of that request. */
  record(at: number, id?: string): LogRecord {
    const tenant = this.tenants[at % this.tenants.length]!;
    const fields = { note: randomBytes(84).toString('hex') };
    return sealRecord({ id: id ?? this.ids.uuid(), type: id === undefined ? 'admitted' : 'completed', timeMs: Date.now(), fields, facts: null }, tenant, this.sealers.get(tenant.tenant)!);
  }

  /** Into the stream, as one message; resolves when JetStream has it. */
  async publish(records: readonly LogRecord[]): Promise<void> {
    await this.publishBytes(messageOf(records));
  }

  async publishBytes(message: string): Promise<void> {
    await this.bus.jetstream.publish('mizan.record.gateway', message, { msgID: randomUUID(), timeout: 10_000 });
  }

  /**
   * Messages that were made before and are sent by their numbers: for measuring, at a fraction of what a publication costs that each waits for its own answer.
   * `acknowledged` resolves when JetStream has all that were sent.
   */
  offer(messages: readonly string[]): { send(at: number): void; acknowledged(): Promise<void> } {
    const made = messages.map((message) => {
      const carried = headers();
      carried.set('Nats-Msg-Id', randomUUID());
      return { payload: Buffer.from(message), carried };
    });
    const reply = createInbox();
    let [sent, stored, refused] = [0, 0, ''];
    this.bus.connection.subscribe(reply, {
      callback: (error, message) => {
        if (error !== null || message.string().includes('"error"')) refused ||= error?.message ?? message.string();
        stored += 1;
      },
    });
    return {
      send: (at) => {
        this.bus.connection.publish('mizan.record.gateway', made[at]!.payload, { headers: made[at]!.carried, reply });
        sent += 1;
      },
      acknowledged: async () => {
        for (const until = performance.now() + 60_000; stored < sent && refused === '' && performance.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 20));
        if (stored < sent || refused !== '') throw new Error(`JetStream has ${stored} of ${sent} messages ${refused}`);
      },
    };
  }

  /** Size of the stored head, from outside. Error: the database is away. */
  size(): Promise<number> {
    return withClient(this.database.verifyUrl, async (client) => Number((await client.query<{ size: string }>('SELECT size FROM governance.log_head')).rows[0]!.size));
  }

  async stop(): Promise<void> {
    await this.bus.close();
    await this.nats.stop();
    await this.postgres.remove();
  }
}

export const messageOf = (records: readonly LogRecord[]): string => JSON.stringify(recordCommit.encode({ v: 1, records: [...records] }));
