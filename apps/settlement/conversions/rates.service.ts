import { Inject, Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { Clock } from '#kernel';
import { failure } from '#protocol';
import type { ConversionRate } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { fixedRate, oracleRate, parRate } from './rate.js';

/** What the escrow's token is worth in dollars, by whatever source was configured for it. */
@Injectable()
export class Rates {
  private last: ConversionRate | undefined;

  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_RATES'>,
    private readonly chain: ChainLink,
    private readonly clock: Clock,
  ) {}

  /**
   * For a statement that is drawn now. A feed is read at a final block, so that no reorganisation changes what was recorded. Errors: RATE_UNUSABLE
   * (also when rates are configured and the token has none), CHAIN_UNAVAILABLE, CHAIN_REJECTED.
   */
  async current(): Promise<ConversionRate> {
    const [{ token, unit }, decimals] = [await this.chain.constants(), await this.chain.tokenDecimals()];
    const settings = this.config.SETTLEMENT_RATES;
    const setting = settings?.get(getAddress(token));
    if (settings !== undefined && setting === undefined) throw failure('RATE_UNUSABLE', `SETTLEMENT_RATES says nothing of the escrow's token ${token}: name what it is worth`, { token });
    if (setting === undefined) return this.keep(parRate({ unit, decimals }, this.clock.nowMs()));
    if (!('feed' in setting)) return this.keep(fixedRate(setting, { unit, decimals }, this.clock.nowMs()));
    const { number } = await this.chain.finalized();
    return this.keep(oracleRate(setting, await this.chain.priceFeed(setting.feed, number), number, { unit, decimals }, this.clock.nowMs()));
  }

  /** For showing what a deposit is worth: the last good one while there is no better. Errors as {@link current}, before there ever was one. */
  async known(): Promise<ConversionRate> {
    return this.current().catch((error: unknown) => {
      if (this.last === undefined) throw error;
      return this.last;
    });
  }

  private keep(rate: ConversionRate): ConversionRate {
    return (this.last = rate);
  }
}
