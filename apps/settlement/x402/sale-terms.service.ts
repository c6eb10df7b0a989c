import { Inject, Injectable } from '@nestjs/common';
import type { ReplyOf, SaleTerms } from '#protocol';
import { x402Calls, x402Version } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { PaymentAsset } from './payment-asset.js';

/** How payments are taken here, in the words of x402. Every method's error: CHAIN_UNAVAILABLE. */
@Injectable()
export class SaleTermsService {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'X402_PAY_TO' | 'X402_TIMEOUT_SECONDS'>,
    private readonly chain: ChainLink,
    private readonly asset: PaymentAsset,
  ) {}

  /** Null where the operator sells nothing so. */
  async terms(): Promise<SaleTerms | null> {
    const { X402_PAY_TO: payTo, X402_TIMEOUT_SECONDS: maxTimeoutSeconds } = this.config;
    if (payTo === undefined) return null;
    const [{ unit }, { address, decimals }] = await Promise.all([this.chain.constants(), this.asset.facts()]);
    return { network: this.network, asset: address, payTo, maxTimeoutSeconds, unit, nanosPerUnit: (unit * 1_000_000_000n) / 10n ** BigInt(decimals), methods: await this.methods() };
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
