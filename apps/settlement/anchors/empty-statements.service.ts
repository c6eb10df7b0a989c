import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '#kernel';
import { escrowCalls, statementDigest } from '#chain';
import type { EpochStatement, PayerState } from '#chain';
import { Caller } from '#messaging';
import { governanceCalls } from '#protocol';
import { ChainLink } from '../chain/chain-link.js';
import { Delegates } from '../payers/delegates.service.js';
import { requireInterval } from '../payers/delegation.js';
import { PayerKeys } from '../payers/payer-keys.js';
import { anchorStatement } from './anchor.js';

/** An empty statement, and the call that puts it on chain. */
export interface SignedEmpty {
  readonly statement: EpochStatement;
  readonly data: string;
}

/** Signs statements that credit nobody: they anchor the log, and take an epoch. Signed by a delegate they count as its statement: no sooner than its interval after the last. */
@Injectable()
export class EmptyStatements {
  constructor(
    @Inject(Caller) private readonly caller: Pick<Caller, 'call'>,
    private readonly chain: ChainLink,
    private readonly keys: PayerKeys,
    private readonly delegates: Delegates,
    private readonly clock: Clock,
  ) {}

  /**
   * `lastEpoch` is the highest ever signed for the payer; `admit` throws when the payer, as a final block has it, is not to get one. Errors: CONFLICT (no key), DELEGATE_UNUSABLE, DELEGATE_LIMITED (too
   * soon), CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE (no log, no keeper of the key).
   */
  async sign(address: string, lastEpoch: bigint, admit: (payer: PayerState) => void = () => undefined): Promise<SignedEmpty> {
    const { escrow, chainId } = this.chain;
    const { number } = await this.chain.finalized();
    const [payer, registryHash, { root, size }, mandate] = await Promise.all([
      escrow.payer(address, number),
      escrow.registryHash(number),
      this.caller.call(governanceCalls.checkpoint, { published: true }),
      this.delegates.mandate(address),
    ]);
    admit(payer);
    if (mandate) requireInterval(mandate);
    const { statement, list } = anchorStatement(address, { payer, registryHash }, { root: `0x${root}`, size }, lastEpoch, this.clock.nowMs());
    const { serialized } = await this.keys.sign(address, statementDigest(statement, { chainId, escrow: escrow.address }));
    return { statement, data: escrowCalls.settle(statement, list, serialized) };
  }
}
