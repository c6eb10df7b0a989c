import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { failure, generateSealKeys } from '#protocol';
import { Secrets } from '../secrets.js';
import { sealKeyContext, unwrapKey, wrapKey } from './key-wrapping.js';

/** The X25519 keys under which record bodies of a tenant are sealed. Private halves leave this file only to open a body. */
@Injectable()
export class SealingKeyStore {
  constructor(
    private readonly secrets: Secrets,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** A new pair for a tenant; from now on bodies are sealed to it. */
  async create(manager: EntityManager, tenant: string): Promise<void> {
    const id = this.ids.uuid();
    const { publicKey, privateKey } = generateSealKeys();
    await manager.query('INSERT INTO governance.sealing_keys (id, tenant, public_key, wrapped_private_key, created_at_ms) VALUES ($1, $2, $3, $4, $5)', [
      id,
      tenant,
      publicKey,
      wrapKey(this.secrets.masterKey, privateKey, sealKeyContext(tenant, id)),
      this.clock.nowMs(),
    ]);
  }

  /** Raw private halves by id. Error: `INTERNAL` when the master key is not the one they were stored under. */
  async privateKeys(manager: EntityManager, tenant: string): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await manager.query<{ id: string; wrapped_private_key: Buffer }[]>('SELECT id, wrapped_private_key FROM governance.sealing_keys WHERE tenant = $1', [tenant]);
    try {
      return new Map(rows.map(({ id, wrapped_private_key }) => [id, unwrapKey(this.secrets.masterKey, wrapped_private_key, sealKeyContext(tenant, id))]));
    } catch (cause) {
      throw failure('INTERNAL', 'a sealing key does not open under the configured master key', {}, cause);
    }
  }
}
