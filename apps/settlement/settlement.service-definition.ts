import { defineService } from '#service';
import { OperatorAnchors1767225612300 } from './anchors/operator-anchors.migration.js';
import { settlementConfig } from './config.js';
import { RatesOfStatements1767225612771 } from './conversions/rates.migration.js';
import { CreateSettlement } from './migrations/create-settlement.migration.js';
import { HandOutStatements } from './migrations/hand-out-statements.migration.js';
import { X402Payments } from './migrations/x402-payments.migration.js';
import { LimitGasSpend } from './migrations/limit-gas-spend.migration.js';
import { SettlementModule } from './settlement.module.js';

/** Puts the books' payables on chain and tells the books what the chain says. */
export const settlement = defineService({
  name: 'settlement',
  config: settlementConfig,
  module: () => SettlementModule,
  migrations: [CreateSettlement, OperatorAnchors1767225612300, LimitGasSpend, HandOutStatements, X402Payments, RatesOfStatements1767225612771],
  http: 'internal',
});
