import { Inject, Injectable, Logger } from '@nestjs/common';
import { isDomainError } from '#kernel';
import type { ReplyOf, SaleTerms } from '#protocol';
import { x402Calls, x402Version } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { Rates } from '../conversions/rates.service.js';
import { Said } from '../said.js';
import { PayerPlace } from './payer-place.service.js';
import { PaymentAsset } from './payment-asset.js';

/** What a smallest sale in nano-dollars comes to in base units, in whole units of the books. */
const amountMin = (minNanos: bigint, unit: bigint, { nanos, units }: SaleTerms['rate']): bigint => ((minNanos * units + nanos - 1n) / nanos) * unit;

/** How payments are taken here, in the words of x402. Every method's error: CHAIN_UNAVAILABLE. */
@Injectable()
export class SaleTermsService {
  private readonly logger = new Logger(SaleTermsService.name);
  private readonly said = new Said();

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'X402_PAY_TO' | 'X402_TIMEOUT_SECONDS' | 'X402_SALE_MIN_USD'>,
    private readonly chain: ChainLink,
    private readonly asset: PaymentAsset,
    private readonly rates: Rates,
    @Inject(PayerPlace) private readonly place: Pick<PayerPlace, 'refusal'>,
  ) {}

  /** Null where the operator sells nothing so, where the token is not taken from payers of the place that is assumed, and while nobody knows what it is worth: then no price can be named. */
  async terms(): Promise<SaleTerms | null> {
    const { X402_PAY_TO: payTo, X402_TIMEOUT_SECONDS: maxTimeoutSeconds } = this.config;
    if (payTo === undefined || !(await this.isTaken())) return null;
    const rate = await this.rate();
    if (rate === null) return null;
    const [{ unit }, { address }] = await Promise.all([this.chain.constants(), this.asset.facts()]);
    return { network: this.network, asset: address, payTo, maxTimeoutSeconds, unit, rate, amountMin: amountMin(this.config.X402_SALE_MIN_USD, unit, rate), methods: await this.methods() };
  }

  private async isTaken(): Promise<boolean> {
    const refusal = await this.place.refusal();
    if (refusal === null) this.said.forget('place');
    else if (this.said.isNew('place', refusal)) this.logger.warn(`nothing is sold by x402: ${refusal}; X402_PAYER_JURISDICTION says of which place payers without an account are taken to be`);
    return refusal === null;
  }

  /** The one that a statement would be drawn at now. */
  private async rate(): Promise<SaleTerms['rate'] | null> {
    try {
      const { nanos, units } = await this.rates.current();
      this.said.forget('rate');
      return { nanos, units };
    } catch (error) {
      if (!isDomainError(error, 'RATE_UNUSABLE') && !isDomainError(error, 'CHAIN_REJECTED')) throw error;
      if (this.said.isNew('rate', error.code)) this.logger.warn(`nothing is sold by x402: ${error.message}`);
      return null;
    }
  }

  async supported(): Promise<ReplyOf<typeof x402Calls.supported>> {
    const { permit2 } = await this.asset.facts();
    const kind = (scheme: string, extra: Record<string, string> = {}): ReplyOf<typeof x402Calls.supported>['kinds'][number] => ({ x402Version, scheme, network: this.network, extra });
    return {
      kinds: [kind('exact'), ...(permit2.upto ? [kind('upto', { facilitatorAddress: this.chain.sender })] : [])],
      extensions: [],
      signers: { 'eip155:*': [this.chain.sender] },
    };
  }

  private async methods(): Promise<SaleTerms['methods']> {
    const { domain, eip3009, permit2 } = await this.asset.facts();
    const byPermit2 = { ...domain, assetTransferMethod: 'permit2' };
    return [
      ...(eip3009 ? [{ scheme: 'exact' as const, extra: { ...domain } }] : []),
      ...(permit2.exact ? [{ scheme: 'exact' as const, extra: byPermit2 }] : []),
      ...(permit2.upto ? [{ scheme: 'upto' as const, extra: { ...byPermit2, facilitatorAddress: this.chain.sender } }] : []),
    ];
  }

  private get network(): string {
    return `eip155:${this.chain.chainId}`;
  }
}
