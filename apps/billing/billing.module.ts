import { Module } from '@nestjs/common';
import { ChargesModule } from './charges/charges.module.js';
import { PayablesModule } from './payables/payables.module.js';

/** Everything about money. Each capability is a module of its own; these two bring in the others. */
@Module({ imports: [ChargesModule, PayablesModule] })
export class BillingModule {}
