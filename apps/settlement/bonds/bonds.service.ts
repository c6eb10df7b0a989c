import { Inject, Injectable } from '@nestjs/common';
import { getAddress, ZeroAddress } from 'ethers';
import { failure } from '#protocol';
import type { BondView } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';

/** Reads providers' bonds. Their only truth is the contract: nothing of them is kept here. */
@Injectable()
export class BondsService {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_BONDS' | 'SETTLEMENT_BOND_ARBITERS'>,
    private readonly chain: ChainLink,
  ) {}

  /** A provider's bond at a final block. Errors: NOT_FOUND (no contract is configured), CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
  async of(given: string): Promise<BondView> {
    const { SETTLEMENT_BONDS: contract, SETTLEMENT_BOND_ARBITERS: recognised } = this.config;
    if (contract === undefined) throw failure('NOT_FOUND', 'this deployment has no contract for bonds (SETTLEMENT_BONDS)');
    const provider = getAddress(given.toLowerCase());
    const bonds = this.chain.bonds(contract);
    const [{ number: block }, { token }] = [await this.chain.finalized(), await bonds.constants()];
    const { units, secured, thawing, thawEndsAt, held, claimMax, arbiter, court } = await bonds.bond(provider, block);
    return {
      provider,
      chainId: Number(this.chain.chainId),
      contract,
      token,
      block,
      units,
      securedUnits: secured,
      thawingUnits: thawing,
      thawEndsAtMs: thawing === 0n ? null : Number(thawEndsAt) * 1_000,
      claimedUnits: held,
      claimMaxUnits: claimMax,
      arbiter: named(arbiter),
      court: named(court),
      arbiterRecognised: recognised.includes(arbiter),
    };
  }
}

const named = (address: string): string | null => (address === ZeroAddress ? null : address);
