import { Inject, Injectable } from '@nestjs/common';
import { SERVICE_CONFIG } from '#service';
import type { BillingConfig } from '../billing-config.js';

const pollMs = 200;

/** Waits for what is on its way between services: facts reach billing, the log and the chain's reader at their own pace. */
@Injectable()
export class Patience {
  constructor(@Inject(SERVICE_CONFIG) private readonly config: Pick<BillingConfig, 'BILLING_CLOSE_PATIENCE_MS'>) {}

  /** Looks again until it is so, or patience is over; looks once more at least than it waits. */
  async until(isSo: () => Promise<boolean>): Promise<boolean> {
    for (let waitedMs = 0; ; waitedMs += pollMs) {
      if (await isSo()) return true;
      if (waitedMs >= this.config.BILLING_CLOSE_PATIENCE_MS) return false;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
