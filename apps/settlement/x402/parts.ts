import type { Provider } from '@nestjs/common';
import { Clock } from '#kernel';
import { SERVICE_CONFIG } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { Facilitator } from './facilitator.service.js';
import { GasRoom } from './gas-room.service.js';
import { LandingLoop } from './landing-loop.service.js';
import { PaidTransfers } from './paid-transfers.service.js';
import { PayerPlace } from './payer-place.service.js';
import { PaymentAsset } from './payment-asset.js';
import { PaymentLanding } from './payment-landing.service.js';
import { PaymentScreening } from './payment-screening.service.js';
import { PaymentSearch } from './payment-search.service.js';
import { SaleRecord } from './sale-record.js';
import { SaleTermsService } from './sale-terms.service.js';
import { PaymentVerifier } from './verify-payment.js';
import { X402PaymentStore } from './x402-payment.store.js';

/** What takes payments by x402. */
export const x402Parts: Provider[] = [
  { provide: PaymentAsset, inject: [ChainLink, Clock], useFactory: (chain: ChainLink, clock: Clock) => new PaymentAsset(chain, () => clock.nowMs()) },
  {
    provide: PaymentVerifier,
    inject: [ChainLink, PaymentAsset, SERVICE_CONFIG, Clock],
    useFactory: (chain: ChainLink, asset: PaymentAsset, { X402_PAY_TO, X402_RECIPIENTS }: SettlementConfig, clock: Clock) =>
      new PaymentVerifier(chain, asset, new Set([...(X402_PAY_TO === undefined ? [] : [X402_PAY_TO]), ...X402_RECIPIENTS]), () => clock.nowMs()),
  },
  Facilitator,
  GasRoom,
  LandingLoop,
  PaidTransfers,
  PayerPlace,
  PaymentLanding,
  PaymentScreening,
  PaymentSearch,
  SaleRecord,
  SaleTermsService,
  X402PaymentStore,
];
