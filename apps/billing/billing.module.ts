import { Module } from '@nestjs/common';
import { ChargesModule } from './charges/charges.module.js';
import { ClosesModule } from './closes/closes.module.js';
import { CorrectionsModule } from './corrections/corrections.module.js';
import { HoldbacksModule } from './holdbacks/holdbacks.module.js';
import { InvoicesModule } from './invoices/invoices.module.js';
import { PayablesModule } from './payables/payables.module.js';
import { SavingsModule } from './savings/savings.module.js';
import { RoyaltiesModule } from './royalties/royalties.module.js';
import { PayeesModule } from './payees/payees.module.js';
import { SpendWatchModule } from './spend-watch/spend-watch.module.js';

/** Everything about money. Each capability is a module of its own; these bring in the others. */
@Module({ imports: [ChargesModule, ClosesModule, CorrectionsModule, PayablesModule, PayeesModule, RoyaltiesModule, SavingsModule, InvoicesModule, HoldbacksModule, SpendWatchModule] })
export class BillingModule {}
