import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { failure, Sealer, unseal, webhookKey, type SealedBody } from '#protocol';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import type { StoredWebhook } from './webhooks.store.js';

const context = (webhook: string): string => `webhook|${webhook}`;

/** Secrets of endpoints, kept as bodies of records are: sealed to their organisation, whose keys open them. */
@Injectable()
export class WebhookSecrets {
  constructor(
    private readonly organisations: OrganisationStore,
    private readonly sealingKeys: SealingKeyStore,
  ) {}

  /** Error: `REQUEST_INVALID` when it is not a secret. */
  async seal(manager: EntityManager, tenant: string, webhook: string, secret: string): Promise<SealedBody> {
    webhookKey(secret);
    const { sealKey, sealKeyId } = await this.organisations.replica(manager, tenant);
    return new Sealer(Buffer.from(sealKey, 'base64'), sealKeyId).seal(Buffer.from(secret), context(webhook));
  }

  /** Newest first. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`, `INTERNAL`. */
  async open(manager: EntityManager, { id, tenant, secrets }: StoredWebhook): Promise<string[]> {
    const keys = await this.sealingKeys.privateKeys(manager, tenant, secrets.map(({ sealKeyId }) => sealKeyId));
    return secrets.map((sealed) => {
      const key = keys.get(sealed.sealKeyId);
      if (key === undefined) throw failure('INTERNAL', 'the key of a webhook’s secret is gone: rotate the secret', { webhook: id });
      return unseal(sealed, key, context(id)).toString('utf8');
    });
  }
}
