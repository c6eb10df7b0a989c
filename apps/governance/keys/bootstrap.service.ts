import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, Role } from '#protocol';
import { withTenant } from '#service';
import { operatorName } from '../organisations/organisation.js';
import { Organisations } from '../organisations/organisations.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Secrets } from '../secrets.js';
import { generateApiKey, hashApiKey, isApiKey } from './api-key.js';
import { Keys } from './keys.service.js';
import { KeyStore } from './keys.store.js';

/** Names the lock under which instances that start together make one first key. */
const bootstrapLock = 7_013_002;
const nobody = { keyId: null, tenant: null };

/** Makes the operator's organisation and the first administrator's key when there is none. */
@Injectable()
export class Bootstrap implements OnApplicationBootstrap {
  constructor(
    private readonly dataSource: DataSource,
    private readonly organisations: Organisations,
    private readonly organisationStore: OrganisationStore,
    private readonly keys: Keys,
    private readonly keyStore: KeyStore,
    private readonly outbox: Outbox,
    private readonly secrets: Secrets,
    private readonly ids: Ids,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const shown = await this.ensureAdminKey(this.secrets.bootstrapKey);
    // Standard output, once, and nowhere else: a log keeps what it is given.
    if (shown !== undefined) process.stdout.write(`The first administrator's API key, shown this once: ${shown}\n`);
  }

  /**
   * With a configured key: stores it unless it is known (a revoked one stays revoked). Without: makes one if no live administrator's
   * key is left, and gives its text. Error: `REQUEST_INVALID` when the configured text is not a key.
   */
  async ensureAdminKey(configured?: string): Promise<string | undefined> {
    if (configured !== undefined && !isApiKey(configured)) throw failure('REQUEST_INVALID', 'BOOTSTRAP_ADMIN_KEY is not an API key: its checksum does not fit');
    const made = await withTenant(this.dataSource, '*', async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [bootstrapLock]);
      const known = configured === undefined ? (await this.keyStore.countLive(manager, Role.platformAdmin)) > 0 : await this.keyStore.findByHash(manager, hashApiKey(this.secrets.keyPepper, configured));
      if (known) return undefined;
      const operator = (await this.organisationStore.findByName(manager, operatorName)) ?? (await this.organisations.createIn(manager, this.ids.uuid(), operatorName, nobody));
      const secret = configured ?? generateApiKey();
      await this.keys.createIn(manager, { actor: nobody, tenant: operator.id, project: null, role: Role.platformAdmin, name: 'bootstrap', expiresAtMs: null }, secret);
      return secret;
    });
    this.outbox.kick();
    return configured === undefined ? made : undefined;
  }
}
