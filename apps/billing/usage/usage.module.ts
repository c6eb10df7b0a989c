import { Module } from '@nestjs/common';
import { RecordsModule } from '../records/records.module.js';
import { CostLinesStore } from './cost-lines.store.js';
import { IssuedInvoicesStore } from './issued-invoices.store.js';
import { UsageRpc } from './usage.rpc.js';
import { UsageStore } from './usage.store.js';

/** What was used and what it cost, by time and by what it is attributed to. */
@Module({ imports: [RecordsModule], controllers: [UsageRpc], providers: [UsageStore, CostLinesStore, IssuedInvoicesStore], exports: [UsageStore] })
export class UsageModule {}
