import { Module } from '@nestjs/common';
import { ClosesModule } from '../closes/closes.module.js';
import { BaselinesStore } from './baselines.store.js';
import { SavingsRpc } from './savings.rpc.js';
import { WorkStore } from './work.store.js';

/** All that was paid, against what clouds ask for the same work. */
@Module({ imports: [ClosesModule], controllers: [SavingsRpc], providers: [BaselinesStore, WorkStore] })
export class SavingsModule {}
