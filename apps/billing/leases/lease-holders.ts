import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Ids } from '#kernel';
import { Bus } from '#messaging';
import { leaseRecall, leaseRecalledSubject, leaseRecallSubject } from '#protocol';
import type { LeaseRecall, UsedLease } from '#protocol';

/** An answer that comes later than this has found nobody; what it gave up returns when its leases expire. */
const answerMs = 2_000;

/** The gateways that hold leases. */
export abstract class LeaseHolders {
  /** Asks one what it does not need. Rejects when nobody is there, or silent. */
  abstract recall(gateway: string, recall: LeaseRecall): Promise<readonly UsedLease[]>;
}

@Injectable()
export class NatsLeaseHolders extends LeaseHolders {
  constructor(
    @Inject(Bus) private readonly bus: Bus,
    @Inject(Ids) private readonly ids: Ids,
  ) {
    super();
  }

  async recall(gateway: string, recall: LeaseRecall): Promise<readonly UsedLease[]> {
    // To a subject of its own: whoever may answer into an inbox could forge what anybody else answers there.
    const to = { noMux: true, reply: leaseRecalledSubject(this.ids.uuid()), timeout: answerMs };
    const answer = await this.bus.connection.request(leaseRecallSubject(gateway), JSON.stringify(z.encode(leaseRecall.request, recall)), to);
    return leaseRecall.reply.parse(answer.json()).leases;
  }
}
