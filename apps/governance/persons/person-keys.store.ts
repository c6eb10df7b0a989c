import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { generateSealKeys, Sealer, unseal, type SealedBody } from '#protocol';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';

/** Which erasure a key went with, and when. */
export interface ErasedKey {
  readonly erasure: string;
  readonly erasedAtMs: number;
}

/**
 * Keys of those whom data is about, under pseudonyms. The private half is sealed to the organisation's sealing key, so that making one takes no KMS; it is
 * destroyed by emptying its row.
 */
@Injectable()
export class PersonKeyStore {
  constructor(
    private readonly organisations: OrganisationStore,
    private readonly sealingKeys: SealingKeyStore,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** The person's live key; made if there is none. Two that ask at once are told the same. Error: `NOT_FOUND` when there is no such organisation. */
  async ensure(manager: EntityManager, tenant: string, person: string): Promise<{ keyId: string; publicKey: Buffer }> {
    const known = await this.find(manager, tenant, person);
    if (known !== undefined) return known;
    const { sealKey, sealKeyId } = await this.organisations.replica(manager, tenant);
    const id = this.ids.uuid();
    const { publicKey, privateKey } = generateSealKeys();
    const sealed = new Sealer(Buffer.from(sealKey, 'base64'), sealKeyId).seal(privateKey, context(id));
    await manager.query(
      'INSERT INTO governance.person_keys (id, tenant, person, public_key, sealed, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, person) WHERE person IS NOT NULL DO NOTHING',
      [id, tenant, person, publicKey, JSON.stringify(sealed), this.clock.nowMs()],
    );
    return (await this.find(manager, tenant, person))!;
  }

  async find(manager: EntityManager, tenant: string, person: string): Promise<{ keyId: string; publicKey: Buffer } | undefined> {
    const [row] = await manager.query<{ id: string; public_key: Buffer }[]>('SELECT id, public_key FROM governance.person_keys WHERE tenant = $1 AND person = $2', [tenant, person]);
    return row && { keyId: row.id, publicKey: row.public_key };
  }

  /** When the person's live key was made: nothing about them is older. */
  async madeAtMs(manager: EntityManager, tenant: string, person: string): Promise<number | undefined> {
    const [row] = await manager.query<{ created_at_ms: string }[]>('SELECT created_at_ms FROM governance.person_keys WHERE tenant = $1 AND person = $2', [tenant, person]);
    return row && Number(row.created_at_ms);
  }

  /** Raw private halves of live keys, and what became of the others. Errors: those of sealing keys. */
  async open(manager: EntityManager, tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array | ErasedKey>> {
    if (ids.length === 0) return new Map();
    const rows = await manager.query<{ id: string; sealed: SealedBody | null; erasure: string | null; erased_at_ms: string | null }[]>(
      'SELECT k.id, k.sealed, k.erasure, e.erased_at_ms FROM governance.person_keys k LEFT JOIN governance.erasures e ON e.id = k.erasure WHERE k.tenant = $1 AND k.id = ANY($2::uuid[])',
      [tenant, ids],
    );
    const keys = await this.sealingKeys.privateKeys(manager, tenant, rows.flatMap(({ sealed }) => sealed?.sealKeyId ?? []));
    return new Map(
      rows.flatMap(({ id, sealed, erasure, erased_at_ms }): [string, Uint8Array | ErasedKey][] => {
        if (sealed === null) return [[id, { erasure: erasure!, erasedAtMs: Number(erased_at_ms) }]];
        const key = keys.get(sealed.sealKeyId);
        return key === undefined ? [] : [[id, unseal(sealed, key, context(id))]];
      }),
    );
  }

  /** Of these keys those of persons whose erasure waits for a hold, with its id. */
  async restricted(manager: EntityManager, tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (ids.length === 0) return new Map();
    const rows = await manager.query<{ id: string; held: string }[]>(
      'SELECT k.id, h.id AS held FROM governance.person_keys k JOIN governance.held_erasures h ON h.tenant = k.tenant AND h.person = k.person WHERE k.tenant = $1 AND k.id = ANY($2::uuid[])',
      [tenant, ids],
    );
    return new Map(rows.map(({ id, held }) => [id, held]));
  }

  /** Nothing that was sealed to this key opens from now on. */
  async destroy(manager: EntityManager, id: string, erasure: string): Promise<void> {
    await manager.query('UPDATE governance.person_keys SET person = NULL, public_key = NULL, sealed = NULL, erasure = $2 WHERE id = $1', [id, erasure]);
  }
}

const context = (id: string): string => `governance|person_keys|${id}`;
