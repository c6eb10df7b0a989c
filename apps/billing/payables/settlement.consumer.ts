import { Controller, Inject } from '@nestjs/common';
import { Clock } from '#kernel';
import { ConsumeEvent } from '#messaging';
import type { EventMeta } from '#messaging';
import { settlementEvents, walletEvents, x402Events } from '#protocol';
import type { PayloadOf } from '#protocol';
import { SettlementService } from './settlement.service.js';

/** A withdrawal may be heard of before the deposit that paid for it; after this long nobody here did. */
const payerWaitMs = 60_000;

@Controller()
export class SettlementConsumer {
  private readonly waitingSince = new Map<string, number>();

  constructor(
    @Inject(SettlementService) private readonly settlement: SettlementService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @ConsumeEvent(settlementEvents.depositConfirmed, { durable: 'billing-deposit-confirmed' })
  onDeposit(event: PayloadOf<typeof settlementEvents.depositConfirmed>): Promise<void> {
    return this.settlement.deposited(event);
  }

  @ConsumeEvent(settlementEvents.depositReversed, { durable: 'billing-deposit-reversed' })
  onDepositReversed(event: PayloadOf<typeof settlementEvents.depositReversed>): Promise<void> {
    return this.settlement.depositReversed(event);
  }

  @ConsumeEvent(settlementEvents.depositWithdrawn, { durable: 'billing-deposit-withdrawn' })
  onDepositWithdrawn(event: PayloadOf<typeof settlementEvents.depositWithdrawn>): Promise<void> {
    return this.settlement.depositWithdrawn(event);
  }

  @ConsumeEvent(settlementEvents.epochSettled, { durable: 'billing-epoch-settled' })
  onSettled(event: PayloadOf<typeof settlementEvents.epochSettled>): Promise<void> {
    return this.settlement.settled(event);
  }

  @ConsumeEvent(x402Events.settled, { durable: 'billing-x402-settled' })
  onSold(event: PayloadOf<typeof x402Events.settled>): Promise<void> {
    return this.settlement.sold(event);
  }

  @ConsumeEvent(walletEvents.moved, { durable: 'billing-wallet-moved' })
  onWalletMoved(event: PayloadOf<typeof walletEvents.moved>): Promise<void> {
    return this.settlement.walletMoved(event);
  }

  @ConsumeEvent(settlementEvents.withdrawalConfirmed, { durable: 'billing-withdrawal-confirmed' })
  async onWithdrawal(event: PayloadOf<typeof settlementEvents.withdrawalConfirmed>, { id }: EventMeta): Promise<void> {
    const since = this.waitingSince.get(id) ?? this.clock.monotonicMs();
    if (!(await this.settlement.withdrawn(event))) {
      this.waitingSince.set(id, since);
      if (this.clock.monotonicMs() - since < payerWaitMs) throw new Error(`the payer ${event.payer} of a withdrawal is not known yet`);
      await this.settlement.ignoreWithdrawal(event);
    }
    this.waitingSince.delete(id);
  }
}
