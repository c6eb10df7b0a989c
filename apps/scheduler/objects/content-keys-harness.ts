import { Controller, Module } from '@nestjs/common';
import { Kvm } from '@nats-io/kv';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { Bus, Serve } from '#messaging';
import { contentKeyCalls, failure, generateSealKeys, openedContentKey, Sealer, tenantReplica } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { defineService, runService } from '#service';
import type { TestNats } from '#testing';

type Calls = typeof contentKeyCalls;

/** For specs: a governance that knows of organisations and the keys over their contents alone. */
export interface KeysSaid {
  /** How the call to open a key ends in place of its answer. */
  refuses: 'KMS_REFUSED' | 'KMS_UNAVAILABLE' | undefined;
  openMs: number;
  /** Keys that a KMS has which does not answer, and until when. */
  readonly silent: Map<string, Promise<void>>;
  /** Ids of keys, each time that one was asked for. */
  readonly asked: string[];
  readonly destroyed: string[];
  /** Tells of this key as the organisation's, as a governance that was restored to when it was. */
  retell(tenant: string, id: string): Promise<void>;
  /** Makes the organisation's next content key and tells of it. */
  renew(tenant: string): Promise<string>;
  /** Tells of the organisation as a governance from before there were content keys. */
  tellWithout(tenant: string): Promise<void>;
  stop(): Promise<void>;
}

export async function runGovernanceOfKeys(nats: TestNats): Promise<KeysSaid> {
  const keys = new Map<string, { tenant: string; privateKey: Buffer; publicKey: Buffer }>();
  const [ids, sealKey] = [new SystemIds(new SystemClock()), generateSealKeys().publicKey.toString('base64')];
  const said: Pick<KeysSaid, 'refuses' | 'openMs' | 'silent' | 'asked' | 'destroyed'> = { refuses: undefined, openMs: 300_000, silent: new Map(), asked: [], destroyed: [] };

  @Controller()
  class KeysRpc {
    @Serve(contentKeyCalls.open)
    async open({ tenant, id, to }: RequestOf<Calls['open']>): Promise<ReplyOf<Calls['open']>> {
      said.asked.push(id);
      const silent = said.silent.get(id);
      if (silent) {
        await silent;
        throw failure('KMS_UNAVAILABLE', 'the KMS does not answer');
      }
      if (said.refuses) throw failure(said.refuses, 'the KMS is away');
      const known = keys.get(id);
      if (known?.tenant !== tenant || said.destroyed.includes(id)) throw failure('NOT_FOUND', 'the organisation has no such content key');
      return { sealed: new Sealer(Buffer.from(to, 'base64'), id).seal(known.privateKey, openedContentKey(tenant, id)), openMs: said.openMs };
    }

    @Serve(contentKeyCalls.destroy)
    destroy({ id }: RequestOf<Calls['destroy']>): ReplyOf<Calls['destroy']> {
      said.destroyed.push(id);
      return {};
    }
  }
  @Module({ controllers: [KeysRpc] })
  class KeysModule {}
  const variables = { NATS_URL: nats.url, LOG_LEVEL: 'fatal', NATS_CREDS: nats.credentials.governance };
  const service = await runService(defineService({ name: 'governance', config: z.object({}), module: () => KeysModule, migrations: [], http: 'internal' }), variables);
  const bus = await Bus.connect({ url: nats.url, creds: nats.credentials.governance, name: 'governance' });
  const bucket = await new Kvm(bus.jetstream).open('tenants');
  const tell = async (tenant: string, contentKey?: { id: string; key: string }): Promise<void> => {
    const entry = { tenant, name: 'Bank', pseudonym: 'ab'.repeat(32), sealKey, sealKeyId: tenant, projects: [], ...(contentKey && { contentKey }) };
    await bucket.put(tenant, JSON.stringify(z.encode(tenantReplica.value, entry)));
  };
  return Object.assign(said, {
    renew: async (tenant: string) => {
      const [id, { publicKey, privateKey }] = [ids.uuid(), generateSealKeys()];
      keys.set(id, { tenant, privateKey, publicKey });
      await tell(tenant, { id, key: publicKey.toString('base64') });
      return id;
    },
    retell: (tenant: string, id: string) => tell(tenant, { id, key: keys.get(id)!.publicKey.toString('base64') }),
    tellWithout: (tenant: string) => tell(tenant),
    stop: async () => {
      await bus.close();
      await service.stop();
    },
  });
}
