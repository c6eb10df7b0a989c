import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { AllowList, outboundTarget } from '#outbound';
import { failure, operatorRecord, schedulerEvents } from '#protocol';
import type { ReplyOf, schedulerCalls } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import type { Node } from '../nodes/node.js';
import { NodeStore } from '../nodes/nodes.store.js';
import type { Offer } from '../offers/offer.js';
import { OfferMarket } from '../offers/offer-market.service.js';
import { OfferStore } from '../offers/offers.store.js';
import { provesPossession } from './possession.js';
import type { EnrolmentRequest } from './possession.js';
import { factsBeyondContract, tokenHash } from './token.js';
import type { EnrolmentToken } from './token.js';
import { TokenStore } from './tokens.store.js';
import { nodeJwt } from './user-jwt.js';

type EnrolmentReply = ReplyOf<typeof schedulerCalls.enrol>;

const invalid = (message: string): Error => failure('ENROLMENT_INVALID', message);

@Injectable()
export class Enrolment {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(TokenStore) private readonly tokens: TokenStore,
    @Inject(NodeStore) private readonly nodes: NodeStore,
    @Inject(OfferStore) private readonly offers: OfferStore,
    @Inject(OfferMarket) private readonly market: OfferMarket,
  ) {}

  /**
   * Exchanges a token for a place in the network. Repeated with the same token and the same keys it answers the same node: an
   * answer that was lost on its way costs no token. Error: ENROLMENT_INVALID.
   */
  async enrol(request: EnrolmentRequest): Promise<EnrolmentReply> {
    if (!provesPossession(request)) throw invalid('the signature is not by the identity key that the request names');
    if (new Set(request.asks.map(({ model }) => model)).size < request.asks.length) throw invalid('a model is offered twice');
    this.checkPublicUrl(request.publicUrl);
    const { node, offers } = await withTenant(this.dataSource, '*', async (manager) => {
      const token = await this.tokens.take(manager, tokenHash(request.token));
      if (token === undefined) throw invalid('the token is not known');
      if (token.expiresAtMs <= this.clock.nowMs()) throw invalid('the token has expired; ask for a new one');
      return token.node === null ? this.admit(manager, token, request) : this.again(manager, token.node, request);
    });
    this.outbox.kick();
    return {
      node: node.id,
      natsUrl: this.config.PUBLIC_NATS_URL ?? this.config.NATS_URL,
      natsJwt: await nodeJwt({
        node: node.id,
        natsPublicKey: node.natsPublicKey,
        account: this.config.SCHEDULER_ACCOUNT_PUBLIC_KEY,
        signingSeed: this.config.SCHEDULER_ACCOUNT_SIGNING_SEED,
      }),
      offers: offers.map(({ id, model }) => ({ id, model })),
      publicUrl: node.publicUrl,
    };
  }

  /** What is an address is judged here, names when a gateway connects: they may lead elsewhere by then. */
  private checkPublicUrl(url: string | undefined): void {
    if (url === undefined) return;
    try {
      outboundTarget(url, new AllowList(this.config.NODE_OUTBOUND_ALLOW));
    } catch (error) {
      throw failure('ENROLMENT_INVALID', `publicUrl: ${(error as Error).message}`, {}, error);
    }
  }

  private async admit(manager: EntityManager, token: EnrolmentToken, request: EnrolmentRequest): Promise<{ node: Node; offers: Offer[] }> {
    const wrong = factsBeyondContract(token.facts, request.facts);
    if (wrong.length > 0) throw invalid(`${wrong.join(', ')} differ from what was agreed for this token`);
    const nowMs = this.clock.nowMs();
    const { name, publicKey, natsPublicKey, payoutAddress, facts } = request;
    const evidence = token.facts === null ? 'declared' : 'contract';
    const node: Node = { id: this.ids.uuid(), name, publicKey, natsPublicKey, payoutAddress, facts, evidence, state: 'enrolled', enrolledAtMs: nowMs, lastSeenMs: null, publicUrl: request.publicUrl ?? null };
    if (!(await this.nodes.insert(manager, node))) throw invalid('a node with one of these keys has enrolled before; a node joins with keys of its own');
    const offers = request.asks.map((ask): Offer => ({ id: this.ids.uuid(), node: node.id, model: ask.model, endpoints: ask.endpoints, capacity: ask.capacity, state: 'down', changedAtMs: nowMs }));
    await this.offers.insert(manager, offers);
    await this.tokens.markUsed(manager, token.id, node.id, nowMs);
    await this.market.publish(manager, node, offers);
    const asks = request.asks.map((ask, index) => ({ ...ask, id: offers[index]!.id }));
    await this.outbox.event(manager, schedulerEvents.nodeEnrolled, { node: node.id, name, publicKey, payoutAddress, offers: asks });
    const models = offers.map(({ id, model, capacity }) => ({ id, model, capacity }));
    const fields = { node: node.id, name, publicKey, payoutAddress, facts, evidence, token: token.id, offers: models, ...(node.publicUrl === null ? {} : { publicUrl: node.publicUrl }) };
    await this.outbox.record(manager, operatorRecord({ id: node.id, type: 'node.enrolled', timeMs: nowMs, fields, facts: null }));
    return { node, offers };
  }

  private async again(manager: EntityManager, id: string, request: EnrolmentRequest): Promise<{ node: Node; offers: Offer[] }> {
    const node = await this.nodes.find(manager, id);
    if (node === undefined || node.publicKey !== request.publicKey || node.natsPublicKey !== request.natsPublicKey) throw invalid('the token has been used');
    if (node.state !== 'enrolled') throw invalid('the token has been used by a node that was revoked since');
    return { node, offers: await this.offers.ofNode(manager, id) };
  }
}
