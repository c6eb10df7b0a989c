import { Module } from '@nestjs/common';
import { BatchClock } from './batches/batch-clock.service.js';
import { Batches } from './batches/batches.service.js';
import { BatchesRpc } from './batches/batches.rpc.js';
import { BatchStore } from './batches/batches.store.js';
import { FinaliseBatch } from './batches/finalise-batch.service.js';
import { LineAnswerStore } from './batches/line-answers.store.js';
import { Lines } from './batches/lines.service.js';
import { ValidateBatch } from './batches/validate-batch.service.js';
import { EnrolmentRpc } from './enrolment/enrolment.rpc.js';
import { Enrolment } from './enrolment/enrolment.service.js';
import { ServerCheck } from './enrolment/server-check.service.js';
import { Tokens } from './enrolment/tokens.service.js';
import { TokenStore } from './enrolment/tokens.store.js';
import { PersonErasuresConsumer } from './erasures/person-erasures.consumer.js';
import { PersonErasures } from './erasures/person-erasures.service.js';
import { PersonErasureStore } from './erasures/person-erasures.store.js';
import { FileSweeper } from './files/file-sweeper.service.js';
import { Files } from './files/files.service.js';
import { FilesRpc } from './files/files.rpc.js';
import { FileStore } from './files/files.store.js';
import { GatewayJobs } from './jobs/gateway-jobs.service.js';
import { GatewayWorks } from './jobs/gateway-works.service.js';
import { JobWorker } from './jobs/job-worker.service.js';
import { JobStore } from './jobs/jobs.store.js';
import { LostJobs } from './jobs/lost-jobs.service.js';
import { objectParts } from './objects/parts.js';
import { TransferRoutes } from './objects/transfer-routes.service.js';
import { NodesRpc } from './nodes/nodes.rpc.js';
import { Nodes } from './nodes/nodes.service.js';
import { NodeStore } from './nodes/nodes.store.js';
import { Revocations } from './nodes/revocations.service.js';
import { Liveness } from './offers/liveness.service.js';
import { OfferMarket } from './offers/offer-market.service.js';
import { OffersRpc } from './offers/offers.rpc.js';
import { Offers } from './offers/offers.service.js';
import { OfferStore } from './offers/offers.store.js';
import { BackgroundResponsesRpc } from './responses/background-responses.rpc.js';
import { BackgroundResponses } from './responses/background-responses.service.js';
import { BackgroundResponseStore } from './responses/background-responses.store.js';
import { ResponseSweeper } from './responses/response-sweeper.service.js';
import { StoredResponsesRpc } from './responses/stored-responses.rpc.js';
import { StoredResponses } from './responses/stored-responses.service.js';
import { StoredResponseStore } from './responses/stored-responses.store.js';

const enrolment = [Enrolment, Tokens, TokenStore, ServerCheck];
const nodes = [Nodes, NodeStore, Revocations];
const offers = [Offers, OfferStore, OfferMarket, Liveness];

const files = [Files, FileStore, FileSweeper, TransferRoutes, ...objectParts];
const responses = [StoredResponses, StoredResponseStore, ResponseSweeper, BackgroundResponses, BackgroundResponseStore];
const jobs = [JobStore, JobWorker, GatewayJobs, GatewayWorks, LostJobs];
const erasures = [PersonErasures, PersonErasureStore];
const batches = [Batches, BatchStore, BatchClock, Lines, LineAnswerStore, ValidateBatch, FinaliseBatch];

@Module({ controllers: [EnrolmentRpc, NodesRpc, OffersRpc, FilesRpc, BatchesRpc, StoredResponsesRpc, BackgroundResponsesRpc, PersonErasuresConsumer], providers: [...erasures, ...enrolment, ...nodes, ...offers, ...files, ...responses, ...jobs, ...batches] })
export class SchedulerModule {}
