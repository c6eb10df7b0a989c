import { defineService } from '#service';
import { BundledEntries1767225610800 } from './audit/bundled-entries.migration.js';
import { IdsIndex1767225612310 } from './audit/ids-index.migration.js';
import { KeptRejections1767225612946 } from './audit/kept-rejections.migration.js';
import { Log1700000000002 } from './audit/log.migration.js';
import { RowsByStatement1767225612890 } from './audit/rows-by-statement.migration.js';
import { TiledLog1767225610600 } from './audit/tiled-log.migration.js';
import { BucketClaims1767225612830 } from './buckets/bucket-claims.migration.js';
import { Buckets1767225612731 } from './buckets/buckets.migration.js';
import { ExportManifests1767225614101 } from './exports/export-manifests.migration.js';
import { TenantStream1767225612210 } from './exports/tenant-stream.migration.js';
import { governanceConfig } from './config.js';
import { ContentKeys1767225614400 } from './custody/content-keys.migration.js';
import { Custody1767225612100 } from './custody/custody.migration.js';
import { GovernanceModule } from './governance.module.js';
import { Organisations1700000000001 } from './organisations/organisations.migration.js';
import { Persons1767225612110 } from './persons/persons.migration.js';
import { Reports1767225612230 } from './reports/reports.migration.js';
import { DecisionCounts1767225614100 } from './runs/decision-counts.migration.js';
import { ReportSupplements1767225614102 } from './reports/supplements.migration.js';
import { GatewayRuns1767225612200 } from './runs/gateway-runs.migration.js';
import { Retention1767225612120 } from './retention/retention.migration.js';
import { SearchPolicies1767225612831 } from './search/search-policies.migration.js';
import { Search1767225610610 } from './search/search.migration.js';
import { AnswerRules1767225612000 } from './traffic/answer-rules.migration.js';
import { Hedges1767225610503 } from './traffic/hedges.migration.js';
import { SemanticCache1767225610502 } from './traffic/semantic-cache.migration.js';
import { TotalSpend1767225612823 } from './traffic/total-spend.migration.js';
import { SpendLimits1767225610500 } from './traffic/spend-limits.migration.js';
import { StoredResponses1767225610300 } from './traffic/stored-responses.migration.js';
import { Traffic1700000000003 } from './traffic/traffic.migration.js';
import { FormerTypes1767225614103 } from './webhooks/former-types.migration.js';
import { Webhooks1767225612220 } from './webhooks/webhooks.migration.js';
import { Checkpoints1700000000031 } from './witnesses/checkpoints.migration.js';

/** Organisations, keys, policies and the audit log. */
export const governance = defineService({
  name: 'governance',
  config: governanceConfig,
  module: (config) => GovernanceModule.for(config),
  migrations: [Organisations1700000000001, Log1700000000002, Traffic1700000000003, Checkpoints1700000000031, StoredResponses1767225610300, TiledLog1767225610600, Search1767225610610, SpendLimits1767225610500, SemanticCache1767225610502, Hedges1767225610503, BundledEntries1767225610800, AnswerRules1767225612000, Custody1767225612100, Persons1767225612110, Retention1767225612120, GatewayRuns1767225612200, TenantStream1767225612210, Webhooks1767225612220, Reports1767225612230, IdsIndex1767225612310, Buckets1767225612731, TotalSpend1767225612823, BucketClaims1767225612830, SearchPolicies1767225612831, RowsByStatement1767225612890, KeptRejections1767225612946, DecisionCounts1767225614100, ExportManifests1767225614101, ReportSupplements1767225614102, FormerTypes1767225614103, ContentKeys1767225614400],
  http: 'internal',
});
