import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { KmsAddress, KmsSetting } from '#protocol';
import { KeyManagers } from './key-managers.service.js';

interface KmsRow {
  url: string;
  mount: string;
  key: string;
  namespace: string | null;
  token_kept: 'file' | 'kms';
  token_key: string;
  token: Buffer;
}

/** Where organisations keep the keys over their own. Their tokens are under keys that the deployment wraps. */
@Injectable()
export class TenantKmsStore {
  constructor(private readonly managers: KeyManagers) {}

  async put(manager: EntityManager, tenant: string, { url, mount, key, namespace, token }: KmsSetting): Promise<void> {
    const { kept, manager: keys, keyId } = this.managers.deployment;
    const tokenKey = randomBytes(32);
    const wrapped = await keys.wrap(keyId, tokenKey, context(tenant));
    await manager.query(
      `INSERT INTO governance.tenant_kms (tenant, url, mount, key, namespace, token_kept, token_key, token) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (tenant) DO UPDATE SET url = excluded.url, mount = excluded.mount, key = excluded.key, namespace = excluded.namespace,
         token_kept = excluded.token_kept, token_key = excluded.token_key, token = excluded.token`,
      [tenant, url, mount, key, namespace ?? null, kept, wrapped, sealed(tokenKey, token)],
    );
  }

  async remove(manager: EntityManager, tenant: string): Promise<void> {
    await manager.query('DELETE FROM governance.tenant_kms WHERE tenant = $1', [tenant]);
  }

  async find(manager: EntityManager, tenant: string): Promise<KmsAddress | null> {
    const row = await this.row(manager, tenant);
    return row === undefined ? null : addressOf(row);
  }

  /** With its token. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async open(manager: EntityManager, tenant: string): Promise<KmsSetting | null> {
    return (await this.opening(manager, tenant))();
  }

  /** The same in two steps: what is read in a transaction, and opened after it. */
  async opening(manager: EntityManager, tenant: string): Promise<() => Promise<KmsSetting | null>> {
    const row = await this.row(manager, tenant);
    return async () => {
      if (row === undefined) return null;
      const { manager: keys, keyId } = this.managers.deploymentsOwn(row.token_kept);
      return { ...addressOf(row), token: opened(await keys.unwrap(keyId, row.token_key, context(tenant)), row.token) };
    };
  }

  private async row(manager: EntityManager, tenant: string): Promise<KmsRow | undefined> {
    return (await manager.query<KmsRow[]>('SELECT * FROM governance.tenant_kms WHERE tenant = $1', [tenant]))[0];
  }
}

const context = (tenant: string): string => `governance|tenant_kms|${tenant}`;
const addressOf = ({ url, mount, key, namespace }: KmsRow): KmsAddress => ({ url, mount, key, ...(namespace === null ? {} : { namespace }) });

/** AES-256-GCM under a key that seals this one text: nonce ‖ ciphertext ‖ tag. */
function sealed(key: Uint8Array, text: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function opened(key: Uint8Array, bytes: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
}
