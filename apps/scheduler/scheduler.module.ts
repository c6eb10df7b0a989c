import { Module } from '@nestjs/common';
import { EnrolmentRpc } from './enrolment/enrolment.rpc.js';
import { Enrolment } from './enrolment/enrolment.service.js';
import { ServerCheck } from './enrolment/server-check.service.js';
import { Tokens } from './enrolment/tokens.service.js';
import { TokenStore } from './enrolment/tokens.store.js';
import { NodesRpc } from './nodes/nodes.rpc.js';
import { Nodes } from './nodes/nodes.service.js';
import { NodeStore } from './nodes/nodes.store.js';
import { Revocations } from './nodes/revocations.service.js';
import { Liveness } from './offers/liveness.service.js';
import { OfferMarket } from './offers/offer-market.service.js';
import { OffersRpc } from './offers/offers.rpc.js';
import { Offers } from './offers/offers.service.js';
import { OfferStore } from './offers/offers.store.js';

const enrolment = [Enrolment, Tokens, TokenStore, ServerCheck];
const nodes = [Nodes, NodeStore, Revocations];
const offers = [Offers, OfferStore, OfferMarket, Liveness];

@Module({ controllers: [EnrolmentRpc, NodesRpc, OffersRpc], providers: [...enrolment, ...nodes, ...offers] })
export class SchedulerModule {}
