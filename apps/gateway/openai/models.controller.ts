import { Controller, Get, Param } from '@nestjs/common';
import { z } from 'zod';
import { failure } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { Replies } from '../http/replies.js';
import { OfferBook } from '../market/offer-book.js';
import type { Model } from '../market/offer-book.js';

const model = z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });
const models = z.object({ object: z.literal('list'), data: z.array(model) });
const modelId = z.string().min(1).max(200);

@Controller('v1/models')
export class ModelsController {
  constructor(private readonly book: OfferBook) {}

  @Get()
  @Authorise('model.read', ownTenant)
  @Replies('Models with at least one machine up', models)
  list(): z.output<typeof models> {
    return { object: 'list', data: this.book.models().map(toWire) };
  }

  /** A `/` in the id is sent as `%2F`. */
  @Get(':model')
  @Authorise('model.read', ownTenant)
  @Replies('One model', model)
  get(@Param('model', { schema: modelId }) id: string): z.output<typeof model> {
    const found = this.book.models().find((candidate) => candidate.id === id);
    if (!found) throw failure('MODEL_NOT_FOUND', `no machine offers the model "${id}"`, { param: 'model' });
    return toWire(found);
  }
}

const toWire = ({ id, sinceMs, network }: Model): z.output<typeof model> => ({ id, object: 'model', created: Math.floor(sinceMs / 1_000), owned_by: network });
