import { Injectable } from '@nestjs/common';
import { isDomainError } from '#kernel';
import { failure } from '#protocol';
import { Screening } from '../screening/screening.service.js';
import { TokenRules } from './token-rules.service.js';

/** A payer before anybody works for its money. */
export interface Applicant {
  /** EIP-55. */
  readonly address: string;
  readonly jurisdiction: string | null;
}

/** Lets nobody pay whom a list names, or from where the token may not be taken. What such a payer has deposited stays its own, and it may take it back. */
@Injectable()
export class PayerGate {
  constructor(
    private readonly screening: Screening,
    private readonly tokens: TokenRules,
  ) {}

  /** Errors: SANCTIONED, TOKEN_NOT_ALLOWED, SCREENING_UNAVAILABLE, CHAIN_UNAVAILABLE. */
  async require({ address, jurisdiction }: Applicant): Promise<void> {
    await this.screening.requireClear(address, 'payer');
    const refusal = await this.tokens.refusal(jurisdiction);
    if (refusal !== null) throw failure('TOKEN_NOT_ALLOWED', `payer ${address}: ${refusal}`, { address, jurisdiction });
  }

  /** Why what a payer deposits does not count now; null: it does. Of a payer that is nobody's yet (`null`) the place is asked when it is somebody's. */
  async refusal(address: string, payer: Applicant | null): Promise<string | null> {
    try {
      if (payer === null) await this.screening.requireClear(address, 'payer');
      else await this.require(payer);
      return null;
    } catch (error) {
      if (isDomainError(error, 'SANCTIONED')) return 'the payer is on a list of sanctions';
      if (isDomainError(error, 'SCREENING_UNAVAILABLE')) return 'the payer could not be screened yet';
      if (isDomainError(error, 'TOKEN_NOT_ALLOWED')) return error.message;
      throw error;
    }
  }
}
