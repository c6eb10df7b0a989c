import { Controller, Get, Param } from '@nestjs/common';
import { z } from 'zod';
import { failure } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';
import { OfferBook } from '../market/offer-book.js';
import type { Model } from '../market/offer-book.js';
import { Replicated } from '../replicated.js';

const model = z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });
const models = z.object({ object: z.literal('list'), data: z.array(model) });
const modelId = z.string().min(1).max(200);

@Controller('v1/models')
export class ModelsController {
  constructor(
    private readonly book: OfferBook,
    private readonly replicated: Replicated,
  ) {}

  /** With the organisation's aliases, as long as a machine is up for one of their models. */
  @Get()
  @Authorise('model.read', ownTenant)
  @Replies('Models with at least one machine up', models)
  list(@CurrentPrincipal() principal: Principal): z.output<typeof models> {
    return { object: 'list', data: this.known(principal.tenant) };
  }

  /** A `/` in the id is sent as `%2F`. */
  @Get(':model')
  @Authorise('model.read', ownTenant)
  @Replies('One model', model)
  get(@CurrentPrincipal() principal: Principal, @Param('model', { schema: modelId }) id: string): z.output<typeof model> {
    const found = this.known(principal.tenant).find((candidate) => candidate.id === id);
    if (!found) throw failure('MODEL_NOT_FOUND', `no machine offers the model "${id}"`, { param: 'model' });
    return found;
  }

  private known(tenant: string): z.output<typeof model>[] {
    const up = this.book.models().map(toWire);
    const entry = this.replicated.aliases.get(tenant);
    const aliases = (entry?.aliases ?? []).filter((alias) => alias.models.some((name) => up.some(({ id }) => id === name)));
    const taken = new Set(aliases.map(({ alias }) => alias));
    return [...up.filter(({ id }) => !taken.has(id)), ...aliases.map(({ alias }) => ({ id: alias, object: 'model' as const, created: Math.floor(entry!.changedAtMs / 1_000), owned_by: 'organisation' }))];
  }
}

const toWire = ({ id, sinceMs, network }: Model): z.output<typeof model> => ({ id, object: 'model', created: Math.floor(sinceMs / 1_000), owned_by: network });
