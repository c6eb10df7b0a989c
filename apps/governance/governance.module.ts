import { Module, type DynamicModule } from '@nestjs/common';
import { AuditRpc } from './audit/audit.rpc.js';
import { Bundler } from './audit/bundler.service.js';
import { CommittedTiles } from './audit/committed-tiles.service.js';
import { EntryStore } from './audit/entries.store.js';
import { Kinds } from './audit/kinds.service.js';
import { LogStore } from './audit/log.store.js';
import { Prover } from './audit/prover.service.js';
import { ReadLog } from './audit/read-log.service.js';
import { RecordEnds } from './audit/record-ends.service.js';
import { RecordReader } from './audit/record-reader.service.js';
import { RecordsConsumer } from './audit/records.consumer.js';
import { RejectionStore } from './audit/rejections.store.js';
import { Sequencer } from './audit/sequencer.service.js';
import { StartCheck } from './audit/start-check.service.js';
import { TileStore } from './audit/tiles.store.js';
import { Tiles } from './audit/tiles.service.js';
import { UnreadRecords } from './audit/unread-records.service.js';
import { ChangeLog } from './change-log.service.js';
import { CompletenessRpc } from './completeness/completeness.rpc.js';
import { LoggedCounts } from './completeness/logged-counts.service.js';
import { LoggedDecisions } from './completeness/logged-decisions.service.js';
import type { GovernanceConfig } from './config.js';
import { CustodyRpc } from './custody/custody.rpc.js';
import { Custody } from './custody/custody.service.js';
import { KeyManagers } from './custody/key-managers.service.js';
import { TenantKeyStore } from './custody/tenant-keys.store.js';
import { TenantKmsStore } from './custody/tenant-kms.store.js';
import { ExportManifests } from './exports/export-manifests.service.js';
import { ExportsRpc } from './exports/exports.rpc.js';
import { Exports } from './exports/exports.service.js';
import { TenantStream } from './exports/tenant-stream.store.js';
import { Bootstrap } from './keys/bootstrap.service.js';
import { KeysRpc } from './keys/keys.rpc.js';
import { Keys } from './keys/keys.service.js';
import { KeyStore } from './keys/keys.store.js';
import { OrganisationsRpc } from './organisations/organisations.rpc.js';
import { Organisations } from './organisations/organisations.service.js';
import { OrganisationStore } from './organisations/organisations.store.js';
import { Pseudonyms } from './organisations/pseudonyms.service.js';
import { SealingKeyStore } from './organisations/sealing-keys.store.js';
import { Erasures } from './persons/erasures.service.js';
import { ErasureStore } from './persons/erasures.store.js';
import { PersonKeyStore } from './persons/person-keys.store.js';
import { PersonsRpc } from './persons/persons.rpc.js';
import { DryRunService } from './policies/dry-run.service.js';
import { Market } from './policies/market.service.js';
import { PoliciesRpc } from './policies/policies.rpc.js';
import { Policies } from './policies/policies.service.js';
import { PolicyStore } from './policies/policies.store.js';
import { Holds } from './retention/holds.service.js';
import { HoldStore } from './retention/holds.store.js';
import { RetentionRounds } from './retention/retention-rounds.service.js';
import { RetentionRpc } from './retention/retention.rpc.js';
import { Retention } from './retention/retention.service.js';
import { RetentionStore } from './retention/retention.store.js';
import { Republish } from './republish.service.js';
import { MonthEntries } from './reports/month-entries.store.js';
import { ReportTimer } from './reports/report-timer.service.js';
import { ReportsRpc } from './reports/reports.rpc.js';
import { Reports } from './reports/reports.service.js';
import { Supplements } from './reports/supplements.service.js';
import { SupplementStore } from './reports/supplements.store.js';
import { DecisionCountStore } from './runs/decision-counts.store.js';
import { GatewayRunStore } from './runs/gateway-runs.store.js';
import { SilentRuns } from './runs/silent-runs.service.js';
import { Secrets } from './secrets.js';
import { Aliases } from './traffic/aliases.service.js';
import { AliasStore } from './traffic/aliases.store.js';
import { Limits } from './traffic/limits.service.js';
import { SearchIndexer } from './search/search-indexer.service.js';
import { SearchQueueStore } from './search/search-queue.store.js';
import { SearchStore } from './search/search.store.js';
import { LimitStore } from './traffic/limits.store.js';
import { TrafficRpc } from './traffic/traffic.rpc.js';
import { Deliveries } from './webhooks/deliveries.service.js';
import { BucketPushes } from './buckets/bucket-pushes.service.js';
import { BucketSecrets } from './buckets/bucket-secrets.service.js';
import { BucketWriter } from './buckets/bucket-writer.service.js';
import { BucketsRpc } from './buckets/buckets.rpc.js';
import { Buckets } from './buckets/buckets.service.js';
import { BucketStore } from './buckets/buckets.store.js';
import { WebhookSecrets } from './webhooks/webhook-secrets.service.js';
import { WebhookSender } from './webhooks/webhook-sender.service.js';
import { WebhooksRpc } from './webhooks/webhooks.rpc.js';
import { Webhooks } from './webhooks/webhooks.service.js';
import { WebhookStore } from './webhooks/webhooks.store.js';
import { CheckpointStore } from './witnesses/checkpoints.store.js';
import { HighestHead } from './witnesses/highest-head.service.js';
import { WitnessRounds } from './witnesses/witness-rounds.service.js';
import { Witnessing } from './witnesses/witnessing.service.js';

const organisations = [Organisations, OrganisationStore, SealingKeyStore, Pseudonyms, ChangeLog];
const custody = [Custody, KeyManagers, TenantKeyStore, TenantKmsStore];
const persons = [Erasures, ErasureStore, PersonKeyStore];
const retention = [Retention, RetentionStore, RetentionRounds, Holds, HoldStore];
const keys = [Keys, KeyStore, Bootstrap];
const policies = [Policies, PolicyStore, DryRunService, Market];
const traffic = [Limits, LimitStore, Aliases, AliasStore];
const search = [SearchStore, SearchQueueStore, SearchIndexer];
const audit = [Sequencer, LogStore, Kinds, RejectionStore, UnreadRecords, EntryStore, RecordEnds, RecordReader, ReadLog, Prover, Bundler, StartCheck, Tiles, TileStore, CommittedTiles];
const exported = [TenantStream, Exports, ExportManifests];
const webhooks = [WebhookStore, WebhookSecrets, WebhookSender, Webhooks, Deliveries];
const buckets = [BucketStore, BucketSecrets, BucketWriter, Buckets, BucketPushes];
const reports = [MonthEntries, Reports, SupplementStore, Supplements, ReportTimer];
const runs = [DecisionCountStore, GatewayRunStore, SilentRuns];
const completeness = [LoggedDecisions, LoggedCounts];
const witnesses = [CheckpointStore, HighestHead, Witnessing, WitnessRounds];

@Module({})
export class GovernanceModule {
  static for(config: GovernanceConfig): DynamicModule {
    return {
      module: GovernanceModule,
      controllers: [OrganisationsRpc, CustodyRpc, PersonsRpc, RetentionRpc, KeysRpc, PoliciesRpc, TrafficRpc, AuditRpc, ExportsRpc, WebhooksRpc, BucketsRpc, ReportsRpc, CompletenessRpc, RecordsConsumer],
      providers: [{ provide: Secrets, useValue: new Secrets(config) }, ...organisations, ...custody, ...persons, ...retention, ...keys, ...policies, ...traffic, ...audit, ...search, ...exported, ...webhooks, ...buckets, ...reports, ...runs, ...completeness, ...witnesses, Republish],
    };
  }
}
