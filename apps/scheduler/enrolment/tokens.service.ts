import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { operatorRecord } from '#protocol';
import type { ReplyOf, RequestOf, schedulerCalls } from '#protocol';
import { withTenant } from '#service';
import { newToken, tokenHash } from './token.js';
import { TokenStore } from './tokens.store.js';

type CreateToken = typeof schedulerCalls.createEnrolmentToken;

@Injectable()
export class Tokens {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(TokenStore) private readonly tokens: TokenStore,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /** A new single-use token, shown here and never again. */
  async create(request: RequestOf<CreateToken>): Promise<ReplyOf<CreateToken>> {
    const nowMs = this.clock.nowMs();
    const token = newToken();
    const kept = { id: this.ids.uuid(), name: request.name, facts: request.facts, expiresAtMs: nowMs + request.validMs, node: null };
    await withTenant(this.dataSource, '*', async (manager) => {
      await this.tokens.insert(manager, kept, tokenHash(token), nowMs);
      const fields = { token: kept.id, name: kept.name, byContract: kept.facts !== null, expiresAtMs: kept.expiresAtMs, by: request.actor.keyId };
      await this.outbox.record(manager, operatorRecord({ id: kept.id, type: 'token.created', timeMs: nowMs, fields, facts: null }));
    });
    this.outbox.kick();
    return { id: kept.id, token, expiresAtMs: kept.expiresAtMs };
  }
}
