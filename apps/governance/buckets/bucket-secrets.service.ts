import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { bucketCredentials, failure, Sealer, unseal, type BucketCredentials, type SealedBody } from '#protocol';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import type { StoredBucket } from './buckets.store.js';

const context = (bucket: string): string => `bucket|${bucket}`;

/** Credentials of buckets, kept as bodies of records are: sealed to their organisation, whose keys open them. */
@Injectable()
export class BucketSecrets {
  constructor(
    private readonly organisations: OrganisationStore,
    private readonly sealingKeys: SealingKeyStore,
  ) {}

  async seal(manager: EntityManager, tenant: string, bucket: string, credentials: BucketCredentials): Promise<SealedBody> {
    const { sealKey, sealKeyId } = await this.organisations.replica(manager, tenant);
    return new Sealer(Buffer.from(sealKey, 'base64'), sealKeyId).seal(Buffer.from(JSON.stringify(credentials)), context(bucket));
  }

  /** Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `INTERNAL`. */
  async open(manager: EntityManager, { id, tenant, credentials }: StoredBucket): Promise<BucketCredentials> {
    const key = (await this.sealingKeys.privateKeys(manager, tenant, [credentials.sealKeyId])).get(credentials.sealKeyId);
    if (key === undefined) throw failure('INTERNAL', 'the key of a bucket’s credentials is gone: give them again', { bucket: id });
    return bucketCredentials.parse(JSON.parse(unseal(credentials, key, context(id)).toString('utf8')));
  }
}
