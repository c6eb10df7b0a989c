import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
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
  ) {}

  /** A new single-use token, shown here and never again. */
  async create(request: RequestOf<CreateToken>): Promise<ReplyOf<CreateToken>> {
    const nowMs = this.clock.nowMs();
    const token = newToken();
    const kept = { id: this.ids.uuid(), name: request.name, facts: request.facts, expiresAtMs: nowMs + request.validMs, node: null };
    await withTenant(this.dataSource, '*', (manager) => this.tokens.insert(manager, kept, tokenHash(token), nowMs));
    return { id: kept.id, token, expiresAtMs: kept.expiresAtMs };
  }
}
