import { defineService } from '#service';
import { settlementConfig } from './config.js';
import { CreateSettlement } from './migrations/create-settlement.migration.js';
import { X402Payments1767225612600 } from './migrations/x402-payments.migration.js';
import { SettlementModule } from './settlement.module.js';

/** Puts the books' payables on chain and tells the books what the chain says. */
export const settlement = defineService({
  name: 'settlement',
  config: settlementConfig,
  module: () => SettlementModule,
  migrations: [CreateSettlement, X402Payments1767225612600],
  http: 'internal',
});
