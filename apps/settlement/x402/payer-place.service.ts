import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG } from '#service';
import { TokenRules } from '../admission/token-rules.service.js';
import type { SettlementConfig } from '../config.js';

/** Of which place payers without an account are taken to be: nobody asks them, so the operator answers for it. Where one is needed and none is said, nothing is taken of them. */
@Injectable()
export class PayerPlace {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'X402_PAYER_JURISDICTION'>,
    private readonly rules: TokenRules,
  ) {}

  /** Null: none is said. */
  get assumed(): string | null {
    return this.config.X402_PAYER_JURISDICTION ?? null;
  }

  /** Why the token is not taken from there; null: it is. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
  refusal(): Promise<string | null> {
    return this.rules.refusal(this.assumed);
  }

  /** The same in a word for payers. */
  async against(): Promise<'payer_jurisdiction_not_allowed' | null> {
    return (await this.refusal()) === null ? null : 'payer_jurisdiction_not_allowed';
  }
}
