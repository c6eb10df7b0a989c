import { defineService } from '#service';
import { billingConfig } from './billing-config.js';
import { BillingModule } from './billing.module.js';
import { CreateCharges1767225600004 } from './charges/charges.migration.js';
import { ChargesOfStreams1767225600006 } from './charges/charges-of-streams.migration.js';
import { CreateInvoices1767225611000 } from './invoices/invoices.migration.js';
import { CreateLedger1767225600001 } from './ledger/ledger.migration.js';
import { LedgerChecksByIndex1767225600007 } from './ledger/ledger-checks.migration.js';
import { LeasesOfKeys1767225610501 } from './leases/leases-of-keys.migration.js';
import { CreateLeases1767225600002 } from './leases/leases.migration.js';
import { CreateCloses1767225611200 } from './closes/closes.migration.js';
import { CreatePayables1767225600005 } from './payables/payables.migration.js';
import { RatesOfStatements1767225612770 } from './payables/rates.migration.js';
import { CountUsage1767225600008 } from './usage/usage.migration.js';
import { KeepBaselines1767225612720 } from './savings/savings.migration.js';
import { ResolveClaims1767225612710 } from './receipts/claims.migration.js';
import { CreateRoyalties1767225612700 } from './royalties/royalties.migration.js';
import { CreatePrices1767225600003 } from './prices/prices.migration.js';

export const billing = defineService({
  name: 'billing',
  config: billingConfig,
  module: () => BillingModule,
  migrations: [CreateLedger1767225600001, CreateLeases1767225600002, CreatePrices1767225600003, CreateCharges1767225600004, CreatePayables1767225600005, ChargesOfStreams1767225600006, LedgerChecksByIndex1767225600007, CountUsage1767225600008, LeasesOfKeys1767225610501, CreateInvoices1767225611000, CreateCloses1767225611200, CreateRoyalties1767225612700, ResolveClaims1767225612710, KeepBaselines1767225612720, RatesOfStatements1767225612770],
  http: 'internal',
});
