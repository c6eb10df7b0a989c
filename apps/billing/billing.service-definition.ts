import { defineService } from '#service';
import { NameHedges1767225613401 } from './admissions/hedges.migration.js';
import { Agree1767225612845 } from './agreements/agreements.migration.js';
import { billingConfig } from './billing-config.js';
import { BillingModule } from './billing.module.js';
import { CreateCharges1767225600004 } from './charges/charges.migration.js';
import { ChargesOfStreams1767225600006 } from './charges/charges-of-streams.migration.js';
import { ReusedAnswers1767225613900 } from './charges/reused-answers.migration.js';
import { CorrectUsage1767225613402 } from './corrections/corrections.migration.js';
import { HoldBack1767225612821 } from './holdbacks/holdbacks.migration.js';
import { CreditBalances1767225613300 } from './invoices/credit-balance.migration.js';
import { CreditInput1767225612950 } from './invoices/credit-input.migration.js';
import { CreateInvoices1767225611000 } from './invoices/invoices.migration.js';
import { WithdrawDrafts1767225614422 } from './invoices/drafts-withdrawn.migration.js';
import { Overpayments1767225614421 } from './invoices/overpayments.migration.js';
import { KeepJournal1767225612846 } from './journal/journal.migration.js';
import { OpenAccountsEmpty1767225612871 } from './ledger/accounts-open-empty.migration.js';
import { MoveBalancesByPostings1767225612865 } from './ledger/balances-by-postings.migration.js';
import { BookInOneLook1767225612933 } from './ledger/booking-in-one-look.migration.js';
import { BookBySortedKeys1767225614430 } from './ledger/booking-by-sorted-keys.migration.js';
import { CreateLedger1767225600001 } from './ledger/ledger.migration.js';
import { LedgerChecksByIndex1767225600007 } from './ledger/ledger-checks.migration.js';
import { NameUuids1767225614420 } from './ledger/named-uuids.migration.js';
import { WalletMoves1767225614300 } from './ledger/wallet-moves.migration.js';
import { TransfersByTime1767225612848 } from './ledger/transfers-by-time.migration.js';
import { LeasesOfKeys1767225610501 } from './leases/leases-of-keys.migration.js';
import { CreateLeases1767225600002 } from './leases/leases.migration.js';
import { CarriedByTenant1767225612951 } from './closes/carried-by-tenant.migration.js';
import { CreateCloses1767225611200 } from './closes/closes.migration.js';
import { CountUnusualSpend1767225613400 } from './closes/unusual-spend-counted.migration.js';
import { CreatePayables1767225600005 } from './payables/payables.migration.js';
import { RatesOfStatements1767225612770 } from './payables/rates.migration.js';
import { TakeBackDraws1767225612842 } from './payables/take-back.migration.js';
import { CountUsage1767225600008 } from './usage/usage.migration.js';
import { Meters1767225612870 } from './usage/meters.migration.js';
import { UsageByHashOfTags1767225612872 } from './usage/usage-by-hash.migration.js';
import { KeepBaselines1767225612720 } from './savings/savings.migration.js';
import { ResolveClaims1767225612710 } from './receipts/claims.migration.js';
import { CreateRoyalties1767225612700 } from './royalties/royalties.migration.js';
import { WatchSpend1767225612820 } from './spend-watch/spend-watch.migration.js';
import { UnusualByModel1767225614200 } from './spend-watch/unusual-by-model.migration.js';
import { PriceBooks1767225612822 } from './price-books/price-books.migration.js';
import { PriceRequests1767225612847 } from './price-books/request-fees.migration.js';
import { ChangePrices1767225613403 } from './price-changes/price-changes.migration.js';
import { CreatePrices1767225600003 } from './prices/prices.migration.js';

export const billing = defineService({
  name: 'billing',
  config: billingConfig,
  module: () => BillingModule,
  migrations: [CreateLedger1767225600001, CreateLeases1767225600002, CreatePrices1767225600003, CreateCharges1767225600004, CreatePayables1767225600005, ChargesOfStreams1767225600006, LedgerChecksByIndex1767225600007, CountUsage1767225600008, LeasesOfKeys1767225610501, CreateInvoices1767225611000, CreateCloses1767225611200, CreateRoyalties1767225612700, ResolveClaims1767225612710, KeepBaselines1767225612720, RatesOfStatements1767225612770, WatchSpend1767225612820, HoldBack1767225612821, PriceBooks1767225612822, TakeBackDraws1767225612842, Agree1767225612845, KeepJournal1767225612846, PriceRequests1767225612847, TransfersByTime1767225612848, MoveBalancesByPostings1767225612865, Meters1767225612870, OpenAccountsEmpty1767225612871, UsageByHashOfTags1767225612872, BookInOneLook1767225612933, CreditInput1767225612950, CarriedByTenant1767225612951, CreditBalances1767225613300, CountUnusualSpend1767225613400, NameHedges1767225613401, CorrectUsage1767225613402, ChangePrices1767225613403, ReusedAnswers1767225613900, UnusualByModel1767225614200, WalletMoves1767225614300, NameUuids1767225614420, Overpayments1767225614421, WithdrawDrafts1767225614422, BookBySortedKeys1767225614430],
  http: 'internal',
});
